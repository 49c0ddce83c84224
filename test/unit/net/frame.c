/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See frame.h.
 */
#include "frame.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint8_t *
build_l2(struct frame *f)
{
	static const uint8_t mac[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
	uint8_t *p = f->bytes + 12, i;

	memcpy(f->bytes, mac, sizeof(mac));
	for (i = 0; i < f->tags; i++, p += 4) {
		put16(p, i + 1 < f->tags ? 0x88a8 : 0x8100);
		put16(p + 2, 100u + i);
	}
	put16(p, f->v6 ? 0x86dd : 0x0800);
	f->l2 = (uint16_t)(14 + 4 * f->tags);
	return p + 2;
}

static uint8_t *
build_l3(struct frame *f, uint8_t *p, uint32_t bytes)
{
	unsigned int i;

	f->l3 = f->v6 ? 40 : (uint16_t)(20 + 4 * f->options);
	if (f->v6) {
		p[0] = 0x60;
		put16(p + 4, bytes);
		p[6] = f->proto;
		p[7] = 64;
	} else {
		p[0] = (uint8_t)(0x45 + f->options);
		put16(p + 2, f->l3 + bytes);
		p[6] = 0x40;
		p[8] = 64;
		p[9] = f->proto;
	}
	for (i = f->v6 ? 8 : 12; i < (f->v6 ? 40u : 20u); i++)
		p[i] = (uint8_t)(i * 13 + 5);
	for (i = 20; !f->v6 && i < f->l3; i++)
		p[i] = 1;
	return p + f->l3;
}

static void
build_l4(struct frame *f, uint8_t *p)
{
	put16(p, 4711);
	put16(p + 2, 80);
	switch (f->proto) {
	case IPPROTO_TCP:
		p[12] = 0x50;
		break;
	case IPPROTO_UDP:
		put16(p + 4, 8u + f->payload);
		break;
	default:
		break;
	}
}

void
frame_build(struct frame *f)
{
	uint8_t *p;
	uint32_t i;

	memset(f->bytes, 0, sizeof(f->bytes));
	f->l4 = f->proto == IPPROTO_TCP ? 20 : f->proto == IPPROTO_UDP ? 8 : 12;
	f->field = f->proto == IPPROTO_TCP ? 16 : f->proto == IPPROTO_UDP ? 6 : 8;
	p = build_l3(f, build_l2(f), f->l4 + (uint32_t)f->payload);
	build_l4(f, p);
	f->len = (uint32_t)f->l2 + f->l3 + f->l4 + f->payload + f->padding;
	assert_true(f->len <= FRAME_MAX);
	p += f->l4;
	for (i = 0; i < (uint32_t)f->payload + f->padding; i++)
		p[i] = (uint8_t)(i * 11 + 3);
}

uint32_t
frame_l4(const struct frame *f)
{
	return (uint32_t)f->l2 + f->l3;
}

struct rte_mbuf *
frame_packet(const struct frame *f, uint32_t each, bool gaps)
{
	struct rte_mbuf *head = NULL, *m;
	uint32_t at = 0, i;

	each = each == 0 ? RIG_ROOM : each;
	for (i = 0; at < f->len; i++) {
		uint32_t n = f->len - at < each ? f->len - at : each;

		/* headers stay in the first segment */
		if (i == 0 && n < frame_l4(f) + f->l4)
			n = frame_l4(f) + f->l4;
		n = gaps && i % 2 == 1 ? 0 : n;
		m = rte_pktmbuf_alloc(rig_pool());
		assert_non_null(m);
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), f->bytes + at, n);
		at += n;
		if (head == NULL)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
	}
	return head;
}

static void
free_exact(void *addr, void *opaque)
{
	free(addr);
	free(opaque);
}

struct rte_mbuf *
frame_exact(const struct frame *f, uint32_t len)
{
	struct rte_mbuf_ext_shared_info *info = malloc(sizeof(*info));
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig_pool());
	uint8_t *p = malloc(len == 0 ? 1 : len);

	assert_true(m != NULL && p != NULL && info != NULL);
	memcpy(p, f->bytes, len);
	info->free_cb = free_exact;
	info->fcb_opaque = info;
	rte_mbuf_ext_refcnt_set(info, 1);
	rte_pktmbuf_attach_extbuf(m, p, RTE_BAD_IOVA, (uint16_t)len, info);
	m->data_off = 0;
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	return m;
}

void
frame_take(struct frame *f, const struct rte_mbuf *m)
{
	uint32_t at = 0;

	for (; m != NULL; m = m->next) {
		memcpy(f->bytes + at, rte_pktmbuf_mtod(m, const void *), m->data_len);
		at += m->data_len;
	}
	assert_int_equal(at, f->len);
}

uint16_t
frame_sum(const uint8_t *p, uint32_t len, uint32_t sum)
{
	uint32_t i;

	for (i = 0; i < len; i++) {
		sum += (i & 1) != 0 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

static uint32_t
l4_bytes(const struct frame *f)
{
	return (uint32_t)f->l4 + f->payload;
}

uint16_t
frame_pseudo(const struct frame *f)
{
	const uint8_t *ip = f->bytes + f->l2;
	uint16_t sum = f->v6 ? frame_sum(ip + 8, 32, 0) : frame_sum(ip + 12, 8, 0);
	uint8_t rest[4] = { 0, f->proto };

	put16(rest + 2, l4_bytes(f));
	return frame_sum(rest, 4, sum);
}

uint16_t
frame_field(const struct frame *f)
{
	const uint8_t *p = f->bytes + frame_l4(f) + f->field;

	return (uint16_t)(p[0] << 8 | p[1]);
}

bool
frame_good(const struct frame *f)
{
	return frame_sum(f->bytes + frame_l4(f), l4_bytes(f), frame_pseudo(f)) == 0xffff;
}

bool
frame_good_ip(const struct frame *f)
{
	return frame_sum(f->bytes + f->l2, f->l3, 0) == 0xffff;
}
