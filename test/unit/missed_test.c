/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's events would have said, made out from what it holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/xfrm_spec.h"
#include "xfrm/missed.h"
#include <stdio.h>
#include <string.h>

static struct sa_ref ref(const char *src, const char *dst, uint32_t spi)
{
	return (struct sa_ref){ .src = xfrm_ip(src), .dst = xfrm_ip(dst), .spi = spi };
}

static void note(const struct kernel_event *e, void *arg)
{
	char *text = arg, dst[IP_TEXT_LEN];

	sprintf(text + strlen(text), "%s %s %u\n",
		e->kind == KERNEL_ACQUIRE ? "acquire"
		: e->hard		  ? "hard"
					  : "soft",
		ip_text(&e->dst, dst), e->spi);
	assert_int_equal(e->reqid, IKEMESH_REQID);
}

static void test_missed(void **state)
{
	struct sa_held held[] = {
		{ .ref = ref("10.0.0.1", "10.0.0.2", 9), .soft_reached = true },
		{ .ref = ref("10.0.0.2", "10.0.0.1", 7) },
		{ .ref = ref("10.0.0.1", "10.0.0.3", 0), .larval = true },
		{ .ref = ref("10.0.0.3", "10.0.0.1", 9) },
	};
	const struct sa_ref known[] = {
		ref("10.0.0.1", "10.0.0.2", 9), ref("10.0.0.2", "10.0.0.1", 7),
		ref("10.0.0.4", "10.0.0.1", 7), /* that one is held, from somewhere else */
		ref("10.0.0.1", "10.0.0.4", 7), ref("10.0.0.1", "10.0.0.2", 8),
	};
	char text[512] = "";

	(void)state;
	missed_events(held, 4, known, 5, note, text);
	assert_string_equal(text, "acquire 10.0.0.3 0\nsoft 10.0.0.2 9\nhard 10.0.0.4 7\n"
				  "hard 10.0.0.2 8\n");
	text[0] = '\0';
	missed_events(NULL, 0, known, 1, note, text);
	assert_string_equal(text, "hard 10.0.0.2 9\n");
	text[0] = '\0';
	missed_events(NULL, 0, NULL, 0, note, text);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
