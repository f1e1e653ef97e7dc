/* SPDX-License-Identifier: Apache-2.0 */
/* Captures by others: each IKEv2 message is walked exactly, and built again octet for octet. */
#include "ike/message/message.h"
#include "ike/message/rules.h"
#include "lib/flip.h"
#include "lib/pcap.h"
#include "lib/sample.h"
#include "lib/testvec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What was found in a file. */
struct tally {
	size_t datagrams, other, older; /* not IKE; IKE of another major version */
	size_t messages, payloads, sealed, plain, prefixes;
};

static void walk_prefix(void *arg, uint8_t *p, size_t n, const char *what)
{
	struct payloads ps;
	struct ike_header h;

	(void)arg;
	if (ike_header_decode(BYTES(p, n), &h) == DECODE_OK)
		fail_msg("%s was taken", what);
	if (n > IKE_HEADER_LEN &&
	    payloads_decode(h.next_payload, BYTES(p + IKE_HEADER_LEN, n - IKE_HEADER_LEN), &ps,
			    NULL) == DECODE_OK)
		fail_msg("%s was taken", what);
}

static void build_again(struct bytes m, const struct ike_header *h, const struct payloads *ps,
			uint8_t inner_first)
{
	uint8_t out[IKE_MESSAGE_MAX];
	struct builder b;

	message_begin(&b, out, sizeof(out), h);
	for (size_t i = 0; i < ps->n; i++) {
		payload_begin(&b, ps->p[i].type);
		write_bytes(&b.w, ps->p[i].body);
		payload_end(&b);
	}
	if (ps->n > 0)
		patch_u8(&b.w, b.next_at, inner_first);
	assert_true(bytes_equal(message_end(&b), m));
}

static void message(struct tally *t, struct bytes m)
{
	struct ike_header h;
	struct payloads ps;
	uint8_t inner_first;
	const enum decode_error e = ike_header_decode(m, &h);

	if (e == DECODE_MAJOR_VERSION) {
		t->older++;
		return;
	}
	assert_int_equal(e, DECODE_OK);
	assert_int_equal(payloads_decode(h.next_payload,
					 BYTES(m.p + IKE_HEADER_LEN, m.n - IKE_HEADER_LEN), &ps,
					 &inner_first),
			 DECODE_OK);
	assert_int_equal(sample_walk_all(&ps), ps.n);
	build_again(m, &h, &ps, inner_first);
	if (h.exchange == EXCHANGE_IKE_SA_INIT) {
		const struct judgement j = rules_judge(h.exchange, h.response, &ps);
		if (j.notify != 0)
			fail_msg("%s: %s", payload_name(j.payload), j.why);
		t->plain++;
	} else {
		assert_true(ps.n > 0 && ps.p[ps.n - 1].type == PAYLOAD_SK);
		t->sealed++;
	}
	t->prefixes += flip_prefixes(m, walk_prefix, NULL);
	t->messages++;
	t->payloads += ps.n;
}

static void datagram(void *arg, const struct pcap_datagram *d)
{
	struct tally *t = arg;
	const struct bytes m = pcap_ike(d);

	t->datagrams++;
	if (m.n > 0)
		message(t, m);
	else
		t->other++;
}

static struct tally walk(const char *name)
{
	struct tally t = { 0 };

	testvec_need();
	struct blob file = testvec_read(name);
	const size_t frames = pcap_each(blob_view(&file), datagram, &t);
	blob_free(&file);
	assert_true(frames > 0);
	print_message("%s: %zu IKEv2 messages (%zu plain, %zu sealed), %zu payloads, %zu prefixes; "
		      "passed over: %zu IKEv1, %zu not IKE, in %zu frames\n",
		      name, t.messages, t.plain, t.sealed, t.payloads, t.prefixes, t.older, t.other,
		      frames);
	assert_true(t.messages > 0);
	return t;
}

static void test_tcpdump(void **state)
{
	(void)state;
	walk("pcap/tcpdump-ikev2four.pcap");
}

static void test_scapy_on_port_4500(void **state)
{
	(void)state;
	const struct tally t = walk("pcap/scapy-ikev2_nat_t.pcapng");
	assert_true(t.other > 0); /* ESP without a marker is not taken for IKE */
}

static void test_arkime(void **state)
{
	(void)state;
	walk("pcap/arkime-IKEv2.pcap");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcpdump),
		cmocka_unit_test(test_scapy_on_port_4500),
		cmocka_unit_test(test_arkime),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
