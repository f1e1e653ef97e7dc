/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures published by NIST and in RFCs, as rows: what a machine without the data directory checks
 * all the same.
 */
#include "crypto/openssl_ops.h"
#include "crypto/suite.h"
#include "lib/rfc3526.h"
#include "lib/testvec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* RFC 4231 4.2 to 4.8. Case 5 is truncated to 128 bits. */
static const struct {
	const char *key, *data, *mac[3];
} rfc4231[] = {
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
	  "4869205468657265",
	  { "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
	    "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
	    "faea9ea9076ede7f4af152e8b2fa9cb6",
	    "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
	    "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854" } },
	{ "4a656665",
	  "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	  { "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
	    "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
	    "8e2240ca5e69e2c78b3239ecfab21649",
	    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
	    "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" } },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
	  "dddddddddddddddddddddddddddddddddddd",
	  { "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
	    "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b"
	    "2a5ab39dc13814b94e3ab6e101a34f27",
	    "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
	    "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb" } },
	{ "0102030405060708090a0b0c0d0e0f10111213141516171819",
	  "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
	  "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
	  { "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
	    "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e"
	    "6801dd23c4a7d679ccf8a386c674cffb",
	    "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db"
	    "a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd" } },
	{ "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
	  "546573742057697468205472756e636174696f6e",
	  { "a3b6167473100ee06e0c796c2955552b", "3abf34c3503b2a23a46efc619baef897",
	    "415fad6271580a531d4179bc891d87a6" } },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaa",
	  "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a"
	  "65204b6579202d2048617368204b6579204669727374",
	  { "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
	    "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
	    "0c2ef6ab4030fe8296248df163f44952",
	    "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
	    "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598" } },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaa",
	  "5468697320697320612074657374207573696e672061206c6172676572207468"
	  "616e20626c6f636b2d73697a65206b657920616e642061206c61726765722074"
	  "68616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565"
	  "647320746f20626520686173686564206265666f7265206265696e6720757365"
	  "642062792074686520484d414320616c676f726974686d2e",
	  { "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
	    "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5"
	    "a678cc31e799176d3860e6110c46523e",
	    "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944"
	    "b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58" } },
};

static void test_hmac(void **state)
{
	struct testvec_pool pool = { 0 };
	uint8_t out[PRF_MAX_LEN];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rfc4231); i++) {
		struct bytes key = testvec_hex(&pool, rfc4231[i].key);
		struct bytes data = testvec_hex(&pool, rfc4231[i].data);

		for (size_t j = 0; j < 3; j++) {
			const struct prf_alg *prf = prf_all()[j];
			struct bytes mac = testvec_hex(&pool, rfc4231[i].mac[j]);

			assert_int_equal(prf->compute(prf, key, &data, 1, out), 0);
			assert_true(bytes_equal(BYTES(out, mac.n), mac));
		}
		testvec_clear(&pool);
	}
}

/* NIST CAVS 17.3, "IKE v2", the first case of each hash. */
static const struct {
	uint16_t prf;
	const char *ni, *nr, *secret, *new_secret, *spi_i, *spi_r;
	const char *skeyseed, *dkm, *child, *child_dh, *rekey;
} ikev2[] = {
	{
		.prf = PRF_HMAC_SHA2_256,
		.ni = "3f302be1abcb28e1",
		.nr = "8c332ee006064c9b",
		.secret = "0f4d257d7a58fc4545c7d7a88119eee5d5c9690c5b4c989171d3abbfd99d1d29",
		.new_secret = "25f3b12d6f282739256e39bf54eda53b60ffcf379bb7bcc90c27b4c4c578616c",
		.spi_i = "40dac39e1e1a8640",
		.spi_r = "8619a1cf9a6e4c07",
		.skeyseed = "5f00d1bd2c58ec224b1e6b71fa0f19a1faa7a193952c444411b47c1a9d8ba6fe",
		.dkm = "0b137d669b0947d7d026d593f0305ad401ff0c471357d695778a9c7f4b4869ec"
		       "e98aca531188d16041b3bb936d2dbb3b4993a6e768a809160de45d0283f273a6"
		       "cdf6854379e31be72b8d3d1fa990cf9c5b015ca9f918a7df6253c958114a09d4"
		       "e1c19bdcd4db14b29d98db1a74ad405c588662c14a04d0d36aa4ab55e90f8986"
		       "d12d4aad",
		.child = "7d808e2b44635300e7025f1b640c431b13a9b3b891cd45a15261f4f3c4a7e39b"
			 "3a3c8017ccc2b74610faf52ba3faf6d9e83c859b448217b24dadc82c9887460b"
			 "7bd724236b9885914cc93b39d6c749e92f36b30c9eb6a9f59e396bc7c0ac4878"
			 "512639cc612c5660ddb1a1fed360ac8b9b3f548f13482d0431b38eca293ef976"
			 "81e179fc",
		.child_dh = "67edd256e64542436173e3ca39ef1fdec3c8240b860df26f84caf5258578ff35"
			    "df40ddc31ea210e0523988b7531c9dc3207e0e98e256214999c7712f73ff044a"
			    "9cf6e3a5e421862b9ba140862f460ea5236527cf8346db9ac23feb6636e21fc7"
			    "a18a94a2e9d4ad95356e278f46ac3fa53a75a058c87293cf38dd863e879f84d0"
			    "e0935da3",
		.rekey = "2d63f6debc92048b4fef3889c4c99ca67d6496e0fac14a2bca9a2d6566ff2398",
	},
	{
		.prf = PRF_HMAC_SHA2_384,
		.ni = "fd1b572a8e735591",
		.nr = "6013b0ef88dacd3d",
		.secret = "d3288cd87565101e88fe3bad918f31939d8dd26ff1071f8b2d7f447524e58d7c",
		.new_secret = "3358f620539473aee8d07e779764c4c6a9aabddc79a28e136b3bac021dbde44a",
		.spi_i = "2116ad07ce61f749",
		.spi_r = "24880e55f11a65b7",
		.skeyseed = "69fe7a1ac94adaeb711295f5fe004b1a8d6a0b65d05692758ce8ad2f7a45f59d"
			    "7d0b596f51f7dfcf3330061888f6a94f",
		.dkm = "4f904c2025c90c817ea5ff9b662a6fdb445a73b57cdf09eacd379b95e1f03cac"
		       "b04cd6deeda4f952191dd9bc1f7a9502471a648d74dc06d38112de48a42501f6"
		       "b1a3ad55c2099cd9a648e5f17e5bf3e34bf9b5953decb768a34f875fe2b78dca"
		       "0c2fcca81ec1a412006dfaed38fa06882e61f4c148105fb8e231fdb33c4d484c"
		       "001721d4",
		.child = "06126cc023ac8aabb3ae1ae2d583005a16d39e889efd09d588f2995883261e55"
			 "f44f959072d25ea2f035a64ee8e2341421e7a2d95344282f6ff1f2a9ef236b5e"
			 "c7eae4bb1074ce1f206461209c19dc05a61bbc10a5ec0391bdcd1d25831f8d11"
			 "99af467359a13cb5f9b11187ad97379469f8a1ff3d612b18f165d32e3b5fc644"
			 "0f447321",
		.child_dh = "e31b1b94e0b2146ae66dfe223ca64ccf0895fb6c8862990b446b80a4a81fd801"
			    "ed5fdbcee6e9455c4d56ee10cd73ea77d8c01f31d4e2fcc9d65765327e13f497"
			    "f631ba09d99b39aff2ffa9082c59334a9eb082f795cde78989b1be547fde560e"
			    "b49d5b262e86ef2e2094eab785008e3038dd7bb0d4ac7dac6f99d9c7945950f2"
			    "1b9f44de",
		.rekey = "e0548c1682e13bce454026b3b1bdf42985b24e4e7408095a7c529de38c3d1fcb"
			 "04c9fe6868042a34c9614c6c99e3fcea",
	},
	{
		.prf = PRF_HMAC_SHA2_512,
		.ni = "97c41a9b0a03e74c",
		.nr = "a659fd06e1746600",
		.secret = "276255c3eaace5c6db32b609aa86c0ef07bba4bf2dc4c262995efd95ca607c3f",
		.new_secret = "bb4015f7727b35532021336a9e4a6370ac8729b01fbb8f15d52236820fac4709",
		.spi_i = "ff43c5c689b95481",
		.spi_r = "e2ba607f30079bb7",
		.skeyseed = "d6e74966b75fd2afab48be319d63d97c8a5d2ffe2e320763a462c664b36c3a94"
			    "4067d867c3a55fd8a7e5cca64b22e24415987e15549f09a81b455adaa5303df8",
		.dkm = "22259105314717dc73c210919ee9cb3ded774dc087e866aa3960404c0ed7b8e7"
		       "8e79b993888388e2e5cb238d4bfcb4cdee9da074a26e329d6c2f2f660cc9c711"
		       "c941a2fb3d85a2e5d01e579c8f2c9d00fa6fabe76a137b00c7ff1b2918999065"
		       "88c26f073d819063238c4c844f0f8d221b65b76dbc9ed6f6368e5dba86b3e81b"
		       "60eb44a1",
		.child = "2f1311a8e143e59d65bd9d8adc4e64c624313495c899697236bd0980c503717d"
			 "0ad5dee13ff918e3f4f6505bc19a0a1352d20e99f704f6ef0c71124be1c97a1a"
			 "d9aacf99a33c1cd00537aa922906d1db33fcd640f147953ac632f8a655f84daa"
			 "1363e0b8322e82620c4bc27309bb1525387493398467b7c9561317e61d1f8be4"
			 "36388aa9",
		.child_dh = "15a40cef7fc88a166526a4cdb5697dddbccf3c69a72b22c92c1f88e9ca9d9b52"
			    "58c9f52684a7169efd4463f758e34ada6eb3f3805f194f6019b13acd11988e42"
			    "3f7630cb764f10a86eb28e14cba8596ee9255c853f7a903ef09de2ab5f84cc44"
			    "6359c604dc193a8d4c4e4b02174a4c04aa859e84934bbb60128b920b90124187"
			    "c721c000",
		.rekey = "ecdaf3ccb990abc898a453b03fd56f9975275f150e1e571b0560b3cb2ee67289"
			 "e82b899cdc2129fd821fe8aebea796f190765c25798f5883f923526551f16a4b",
	},
};

static void assert_prf(const struct prf_alg *prf, struct bytes key, const struct bytes *parts,
		       size_t n_parts, struct bytes expected)
{
	uint8_t out[PRF_MAX_LEN];

	assert_int_equal(prf->compute(prf, key, parts, n_parts, out), 0);
	assert_true(bytes_equal(BYTES(out, prf->len), expected));
}

static void assert_prf_plus(const struct prf_alg *prf, struct bytes key, const struct bytes *seed,
			    size_t n_seed, struct bytes expected)
{
	uint8_t out[1024];

	assert_int_equal(prf_plus(prf, key, seed, n_seed, out, expected.n), 0);
	assert_true(bytes_equal(BYTES(out, expected.n), expected));
}

/* RFC 7296 2.14, 2.17, 2.18 */
static void test_ikev2_keys(void **state)
{
	struct testvec_pool pool = { 0 };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(ikev2); i++) {
		const struct prf_alg *prf = prf_by_id(ikev2[i].prf);
		struct bytes ni = testvec_hex(&pool, ikev2[i].ni);
		struct bytes nr = testvec_hex(&pool, ikev2[i].nr);
		struct bytes secret = testvec_hex(&pool, ikev2[i].secret);
		struct bytes new_secret = testvec_hex(&pool, ikev2[i].new_secret);
		struct bytes spi_i = testvec_hex(&pool, ikev2[i].spi_i);
		struct bytes spi_r = testvec_hex(&pool, ikev2[i].spi_r);
		struct bytes skeyseed = testvec_hex(&pool, ikev2[i].skeyseed);
		struct bytes dkm = testvec_hex(&pool, ikev2[i].dkm);
		struct bytes sk_d = BYTES(dkm.p, prf->len);
		const struct bytes all[] = { ni, nr, spi_i, spi_r };
		const struct bytes fresh[] = { new_secret, ni, nr };
		uint8_t nonces[64];

		assert_true(ni.n + nr.n <= sizeof(nonces));
		memcpy(nonces, ni.p, ni.n);
		memcpy(nonces + ni.n, nr.p, nr.n);
		assert_prf(prf, BYTES(nonces, ni.n + nr.n), &secret, 1, skeyseed);
		assert_prf_plus(prf, skeyseed, all, 4, dkm);
		assert_prf_plus(prf, sk_d, all, 2, testvec_hex(&pool, ikev2[i].child));
		assert_prf_plus(prf, sk_d, fresh, 3, testvec_hex(&pool, ikev2[i].child_dh));
		assert_prf(prf, sk_d, fresh, 3, testvec_hex(&pool, ikev2[i].rekey));
		testvec_clear(&pool);
	}
}

/* RFC 3602 4, cases 1 to 4 */
static const struct {
	const char *key, *iv, *plain, *sealed;
} rfc3602[] = {
	{ "06a9214036b8a15b512e03d534120006", "3dafba429d9eb430b422da802c9fac41",
	  "53696e676c6520626c6f636b206d7367", "e353779c1079aeb82708942dbe77181a" },
	{ "c286696d887c9aa0611bbb3e2025a45a", "562e17996d093d28ddb3ba695a2e6f58",
	  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	  "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1" },
	{ "6c3ea0477630ce21a2ce334aa746c2cd", "c782dc4c098c66cbd9cd27d825682c81",
	  "5468697320697320612034382d62797465206d65737361676520286578616374"
	  "6c7920332041455320626c6f636b7329",
	  "d0a02b3836451753d493665d33f0e8862dea54cdb293abc7506939276772f8d5"
	  "021c19216bad525c8579695d83ba2684" },
	{ "56e47a38c5598974bc46903dba290349", "8ce82eefbea0da3c44699ed7db51b7d9",
	  "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
	  "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf",
	  "c30e32ffedc0774e6aff6af0869f71aa0f3af07a9a31a9c684db207eb0ef8e4e"
	  "35907aa632c3ffdf868bb7b29d3d46ad83ce9f9a102ee99d49a53e87f4c3da55" },
};

static void test_aes_cbc(void **state)
{
	const struct encr_alg *e = encr_by_id(ENCR_AES_CBC, 128);
	struct testvec_pool pool = { 0 };
	uint8_t data[64];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rfc3602); i++) {
		struct bytes key = testvec_hex(&pool, rfc3602[i].key);
		struct bytes iv = testvec_hex(&pool, rfc3602[i].iv);
		struct bytes plain = testvec_hex(&pool, rfc3602[i].plain);
		struct bytes sealed = testvec_hex(&pool, rfc3602[i].sealed);

		memcpy(data, plain.p, plain.n);
		assert_int_equal(e->seal(e, key.p, iv.p, BYTES_NONE, data, plain.n, NULL), 0);
		assert_true(bytes_equal(BYTES(data, plain.n), sealed));
		assert_int_equal(e->open(e, key.p, iv.p, BYTES_NONE, data, plain.n, NULL), 0);
		assert_true(bytes_equal(BYTES(data, plain.n), plain));
		testvec_clear(&pool);
	}
}

/* NIST CAVS 17.8, gcmDecrypt128 and gcmDecrypt256; without a plaintext: to be refused. */
static const struct {
	const char *key, *nonce, *aad, *sealed, *tag, *plain;
} gcm[] = {
	{ "5dcf20a1b54f03837fa58206fec49da2", "82b9a25d7f14773f90d669f3",
	  "82ddb0390de7424f9ddd08d344c94b02",
	  "268c8b1f24483c7a34c912e2d5db628c82d6ae2805400a0053903c5acf1827",
	  "1676e51988d9840aefeec6b92a79c7ba", NULL },
	{ "39c970af40a5234fb8d666d8c8d0b875", "0885595486b3eacd7e4b2baa",
	  "91e00d675144efe4afbad8ce17ec3773",
	  "f9e703121e32eb663e9a491f840a0b5eaa649a2a4d0783c243b7f69f7b15ef",
	  "93866b1b41eaafe8abed59c26edc1591",
	  "287a7cb794ecdc23b514ac2668e1aa4f258a12e3f9b3960b7f65832207564a" },
	{ "7d4febcbb63ac141a25d5c8ffd056905df3cb42d7e7a6e346cbdf5e531441e39",
	  "b506ea7fccdb147f20c72bb9", "702325ac21a88cabcb9b1e90e41b4729",
	  "72e84957f0920e68ece7eee76f359b2f77595fc2d0ec803ba023716462d72d",
	  "e0f0048aabf3760f328d0111ee766d24",
	  "369c1c047cabb7bed0e3c403e542bf8c4d0c0854eb1b374ca81e8a587cf2f8" },
	{ "790d8492bd5e81dd4927fcc7d0913e79e2868f552f6da835c1608a7310370bfd",
	  "5158290d2bf65296459a5149", "c4642aaa875bf84ae79270be23f1cf09",
	  "88553ae8d96f2c162a675a7991b6f8e21037f2e7a7d9286c45b090ab28bb67",
	  "8b93ae039c22c48f07508a18196f8105", NULL },
};

static void test_aes_gcm(void **state)
{
	struct testvec_pool pool = { 0 };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(gcm); i++) {
		struct bytes key = testvec_hex(&pool, gcm[i].key);
		struct bytes plain = testvec_hex(&pool, gcm[i].plain == NULL ? "" : gcm[i].plain);

		assert_int_equal(testvec_gcm(encr_by_id(ENCR_AES_GCM_16, (uint16_t)(8 * key.n)),
					     key, testvec_hex(&pool, gcm[i].nonce),
					     testvec_hex(&pool, gcm[i].aad), plain,
					     testvec_hex(&pool, gcm[i].sealed),
					     testvec_hex(&pool, gcm[i].tag)),
				 gcm[i].plain != NULL);
		testvec_clear(&pool);
	}
}

/* RFC 5903 8.1 and 8.2; RFC 8031 appendix A */
static const struct {
	uint16_t group;
	const char *private_i, *public_i, *private_r, *public_r, *secret;
} curves[] = {
	{ KE_ECP_256, "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
	  "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
	  "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3",
	  "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
	  "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
	  "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
	  "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de" },
	{ KE_ECP_384,
	  "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655"
	  "e35b538041e649ee3faef896783ab194",
	  "667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6"
	  "de3ac808acb4bdb4c88732aee95f41aa9482ed1fc0eeb9cafc4984625ccfc23f"
	  "65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c",
	  "41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942"
	  "e0308312916b8ed2960e4bd55a7448fc",
	  "e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d"
	  "0d1ac43a0336def96fda41d0774a3571dcfbec7aacf3196472169e838430367f"
	  "66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c",
	  "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4"
	  "d603135569b9e9d09cf5d4a270f59746" },
	{ KE_CURVE25519, "701fb4308655b476b6789b7325f9ea8cddd16a58533ff6d9e60009464a5f9d54",
	  "48d5ddd4061257ba166fa3f9bbdb74f1a4e81c089384fa77f790709f0dfbc766",
	  "0854645253290d60ddadd0e030bacd9e5501efdc220755a1e978f1b839a05648",
	  "0be7c1f5aad87d7e448662673298a443478b859745179eaf564c79c0ef6eee25",
	  "c74950607a12327f3204d94b6825bfb068b7f8319a9e3708ed3d43ce8130c950" },
};

static void assert_secret(const struct ke_alg *ke, struct bytes mine, struct bytes peer,
			  struct bytes expected)
{
	uint8_t secret[KE_MAX_PUBLIC];
	struct ke_key *key;

	assert_int_equal(ossl_ke_import(ke, mine, &key), 0);
	assert_int_equal(ke->derive(ke, key, peer, secret), 0);
	assert_true(bytes_equal(BYTES(secret, ke->secret_len), expected));
	ke->free(key);
}

static void test_curves(void **state)
{
	struct testvec_pool pool = { 0 };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(curves); i++) {
		const struct ke_alg *ke = ke_by_id(curves[i].group);
		struct bytes secret = testvec_hex(&pool, curves[i].secret);

		assert_secret(ke, testvec_hex(&pool, curves[i].private_i),
			      testvec_hex(&pool, curves[i].public_r), secret);
		assert_secret(ke, testvec_hex(&pool, curves[i].private_r),
			      testvec_hex(&pool, curves[i].public_i), secret);
		testvec_clear(&pool);
	}
}

/*
 * RFC 3526: with the right prime p and no other of that length, 2^(8n) mod p is 2^(8n) - p, since p
 * begins with 64 ones: what is left of the prime shows in the power.
 */
static void assert_prime(const struct ke_alg *ke, const char *hex)
{
	struct testvec_pool pool = { 0 };
	struct bytes prime = testvec_hex(&pool, hex);
	uint8_t bits[2], two[KE_MAX_PUBLIC] = { 0 }, expected[KE_MAX_PUBLIC];
	size_t n = ke->public_len;
	int borrow = 0;

	assert_int_equal(prime.n, n);
	bits[0] = (uint8_t)(8 * n >> 8);
	bits[1] = (uint8_t)(8 * n);
	two[n - 1] = 2;
	for (size_t i = n; i-- > 0;) {
		int difference = -prime.p[i] - borrow;

		expected[i] = (uint8_t)difference;
		borrow = difference < 0;
	}
	assert_secret(ke, BYTES(bits, 2), BYTES(two, n), BYTES(expected, n));
	testvec_clear(&pool);
}

static void test_primes(void **state)
{
	(void)state;
	assert_prime(ke_by_id(KE_MODP_2048), RFC3526_MODP_2048);
	assert_prime(ke_by_id(KE_MODP_3072), RFC3526_MODP_3072);
	assert_prime(ke_by_id(KE_MODP_4096), RFC3526_MODP_4096);
}

/* RFC 7296 2.14: the secret is as long as the prime. 2^8 is mostly leading zeros. */
static void test_leading_zeros(void **state)
{
	static const uint16_t groups[] = { KE_MODP_2048, KE_MODP_3072, KE_MODP_4096 };
	static const uint8_t eight[] = { 8 };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(groups); i++) {
		const struct ke_alg *ke = ke_by_id(groups[i]);
		uint8_t two[KE_MAX_PUBLIC] = { 0 }, expected[KE_MAX_PUBLIC] = { 0 };

		two[ke->public_len - 1] = 2;
		expected[ke->secret_len - 2] = 1;
		assert_secret(ke, BYTES(eight, 1), BYTES(two, ke->public_len),
			      BYTES(expected, ke->secret_len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hmac),	      cmocka_unit_test(test_ikev2_keys),
		cmocka_unit_test(test_aes_cbc),	      cmocka_unit_test(test_aes_gcm),
		cmocka_unit_test(test_curves),	      cmocka_unit_test(test_primes),
		cmocka_unit_test(test_leading_zeros),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
