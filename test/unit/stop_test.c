/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cmd/ikemeshd/stop.h"

static void what_systemd_says(void **state)
{
	(void)state;
	assert_int_equal(stop_judge("running", "stop"), STOP_FOR_GOOD);
	assert_int_equal(stop_judge("degraded", "stop"), STOP_FOR_GOOD);
	assert_int_equal(stop_judge("running", "restart"), STOP_RESTART);
	assert_int_equal(stop_judge("running", "try-restart"), STOP_RESTART);
	assert_int_equal(stop_judge("running", "start"), STOP_RESTART);
	assert_int_equal(stop_judge("stopping", "stop"), STOP_SHUTDOWN);
	assert_int_equal(stop_judge("running", ""), STOP_FOR_GOOD); /* a kill */
	assert_int_equal(stop_judge("running", "reload"), STOP_UNKNOWN);
}

static void without_a_service_manager_it_is_a_stop(void **state)
{
	(void)state;
	unsetenv("INVOCATION_ID");
	assert_int_equal(stop_ask(), STOP_FOR_GOOD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_systemd_says),
		cmocka_unit_test(without_a_service_manager_it_is_a_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
