/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts with real certificates and keys, whose jobs are done for real. */
#include "sim/inside.h"

#include "lib/testpki.h"
#include <stdio.h>
#include <stdlib.h>

struct sim_pki {
	struct testpki_cert ca, *leaves;
	struct sign_key **keys;
	struct trust *trust;
	unsigned n;
};

static void leaf_make(struct sim_pki *p, unsigned i, bool shared)
{
	char subject[64];
	/* Hosts of one slot share their key, not their certificate: keys take long to make. */
	const struct testpki_spec spec = { .subject = subject,
					   .issuer = &p->ca,
					   .slot = 1 + i % (TESTPKI_SLOTS - 1) };

	snprintf(subject, sizeof subject, "O=Example, CN=host-%u", shared ? 0 : i + 1);
	testpki_make(&p->leaves[i], &spec);
	if (sign_key_from_pem(blob_view(&p->leaves[i].key_pem), &p->keys[i]) != 0)
		abort();
}

static struct sim_pki *pki_new(const struct sim *s)
{
	struct sim_pki *p = sim_grab(1, sizeof *p);

	p->n = s->n_hosts;
	p->leaves = sim_grab(p->n, sizeof *p->leaves);
	p->keys = sim_grab(p->n, sizeof *p->keys);
	testpki_ca(&p->ca, "O=Example, CN=Test CA");
	p->trust = trust_new();
	if (p->trust == NULL || trust_add_ca(p->trust, blob_view(&p->ca.der)) != 0)
		abort();
	for (unsigned i = 0; i < p->n; i++)
		leaf_make(p, i, s->options.fleet.shared_certificate);
	return p;
}

void sim_real_spec(struct sim *s, unsigned host, const struct fleet_options *fleet)
{
	struct sim_host *h = &s->hosts[host];
	struct bytes chain;

	if (s->pki == NULL)
		s->pki = pki_new(s);
	chain = blob_view(&s->pki->leaves[host].der);
	fleet_spec_real(&h->spec, host + 1, fleet, &chain, 1, blob_view(&s->pki->ca.der));
	h->doer.real = true;
	h->doer.key = s->pki->keys[host];
	h->doer.trust = s->pki->trust;
}

time_t sim_real_wall(const struct sim *s)
{
	return TESTPKI_NOW + s->now.us / SIM_SECOND;
}

void sim_real_free(struct sim *s)
{
	struct sim_pki *p = s->pki;

	if (p == NULL)
		return;
	for (unsigned i = 0; i < p->n; i++) {
		testpki_free(&p->leaves[i]);
		sign_key_free(p->keys[i]);
	}
	testpki_free(&p->ca);
	trust_free(p->trust);
	free(p->leaves);
	free(p->keys);
	free(p);
}
