/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The oracle. Slow and plain on purpose: linear searches, a visited map, two passes.
 */
#include "oracle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum kind {
	DATA,     /* a descriptor with a buffer */
	TABLE,    /* an indirect table begins (its descriptors follow) */
	NO_TABLE, /* ... but is not mapped */
	BAD,      /* structure broken: code */
	TOO_LONG, /* more descriptors than the budget */
};

struct item {
	enum kind kind;
	enum vh_violation code;
	bool loop;
	bool in_table;
	struct vh_desc d;
};

/* room for a ring of 32768, a table of as many, and the end */
#define MAX_ITEMS (2 * VH_MAX_RING_SIZE + 8)

struct list {
	struct item *item;
	uint32_t n;
	uint32_t descs;
	uint16_t id, slots;
	bool past_budget;
	bool in_table; /* items to come are of an indirect table */
};

static const uint8_t *
byte_at(const struct rig *g, uint64_t addr)
{
	unsigned int i;

	for (i = 0; i < g->map->nr; i++)
		if (addr >= g->map->region[i].gpa && addr - g->map->region[i].gpa < g->map->region[i].size)
			return (const uint8_t *)g->map->region[i].hva + (addr - g->map->region[i].gpa);
	return NULL;
}

static void
add(struct list *l, enum kind kind, enum vh_violation code, const struct vh_desc *d)
{
	assert(l->n < MAX_ITEMS);
	l->item[l->n] = (struct item){ .kind = kind, .code = code, .in_table = l->in_table };
	if (d != NULL)
		l->item[l->n].d = *d;
	l->n++;
}

/* @return false when the budget is used up; noted once */
static bool
count(struct list *l, uint32_t budget)
{
	if (l->past_budget)
		return false;
	if (l->descs == budget) {
		l->past_budget = true;
		add(l, TOO_LONG, VH_V_CHAIN_LEN, NULL);
		return false;
	}
	l->descs++;
	return true;
}

/* The 16 bytes of a table entry, each wherever it lies. @return false if one is not mapped */
static bool
entry(const struct rig *g, uint64_t addr, struct vh_desc *d)
{
	uint8_t raw[16];
	unsigned int i;

	for (i = 0; i < 16; i++) {
		const uint8_t *p = byte_at(g, addr + i);

		if (p == NULL)
			return false;
		raw[i] = *p;
	}
	memcpy(&d->addr, raw, 8);
	memcpy(&d->len, raw + 8, 4);
	memcpy(g->packed ? &d->next : &d->flags, raw + 12, 2);
	memcpy(g->packed ? &d->flags : &d->next, raw + 14, 2);
	return true;
}

/* @return VH_V_NONE or what is wrong with an INDIRECT descriptor */
static enum vh_violation
table_fault(const struct rig *g, const struct vh_desc *d, enum vh_dir dir)
{
	uint32_t bound = g->size;

	if (dir == VH_DIR_BOTH && bound < 1024)
		bound = 1024;
	if ((g->bind.flags & VH_B_INDIRECT) == 0 || (d->flags & VH_DESC_NEXT) != 0)
		return VH_V_DESC_FLAGS;
	if (d->len == 0 || d->len % 16 != 0 || d->len / 16 > bound)
		return VH_V_IND_LEN;
	if (d->addr + d->len < d->addr)
		return VH_V_ADDR_WRAP;
	return VH_V_NONE;
}

static void
list_split_table(const struct rig *g, const struct vh_desc *head, uint32_t budget, struct list *l)
{
	static bool visited[VH_MAX_RING_SIZE];
	uint32_t nr = head->len / 16;
	struct vh_desc d = { .next = 0, .flags = VH_DESC_NEXT };

	memset(visited, 0, sizeof(visited));
	while ((d.flags & VH_DESC_NEXT) != 0) {
		uint16_t next = d.next;

		if (next >= nr) {
			add(l, BAD, VH_V_DESC_NEXT, NULL);
			return;
		}
		if (visited[next]) {
			add(l, BAD, VH_V_CHAIN_LOOP, NULL);
			l->item[l->n - 1].loop = true;
			return;
		}
		visited[next] = true;
		if (!entry(g, head->addr + next * UINT64_C(16), &d)) {
			add(l, NO_TABLE, VH_V_BAD_ADDR, NULL);
			return;
		}
		if (!count(l, budget))
			return;
		if ((d.flags & VH_DESC_INDIRECT) != 0) {
			add(l, BAD, VH_V_DESC_FLAGS, NULL);
			return;
		}
		add(l, DATA, VH_V_NONE, &d);
	}
}

static void
list_packed_table(const struct rig *g, const struct vh_desc *head, uint32_t budget, enum vh_dir dir, struct list *l)
{
	struct vh_desc d;
	uint32_t i;

	for (i = 0; i < head->len / 16; i++) {
		if (!count(l, budget))
			return;
		if (!entry(g, head->addr + i * UINT64_C(16), &d)) {
			add(l, NO_TABLE, VH_V_BAD_ADDR, NULL);
			return;
		}
		/* virtio-user leaves WRITE in its transmit tables */
		d.flags &= dir == VH_DIR_READ ? 0 : VH_DESC_WRITE;
		add(l, DATA, VH_V_NONE, &d);
	}
}

/* @return true if the list goes on in a table */
static bool
list_indirect(const struct rig *g, const struct vh_desc *d, enum vh_dir dir, struct list *l)
{
	enum vh_violation code = table_fault(g, d, dir);

	if (code != VH_V_NONE) {
		add(l, BAD, code, NULL);
		return false;
	}
	add(l, TABLE, VH_V_NONE, NULL);
	l->in_table = true;
	if (byte_at(g, d->addr) == NULL) {
		add(l, NO_TABLE, VH_V_BAD_ADDR, NULL);
		return false;
	}
	return true;
}

static void
list_split(const struct rig *g, uint16_t head, uint32_t budget, enum vh_dir dir, struct list *l)
{
	static bool visited[VH_MAX_RING_SIZE];
	const struct vh_split_desc *table = (const void *)(uintptr_t)g->bind.desc;
	uint32_t at = head;

	memset(visited, 0, sizeof(visited));
	for (;;) {
		struct vh_desc d;

		if (at >= g->size) {
			add(l, BAD, VH_V_DESC_NEXT, NULL);
			return;
		}
		if (visited[at]) {
			add(l, BAD, VH_V_CHAIN_LOOP, NULL);
			l->item[l->n - 1].loop = true;
			return;
		}
		visited[at] = true;
		d = (struct vh_desc){ table[at].addr, table[at].len, table[at].flags, table[at].next };
		if (!count(l, budget))
			return;
		if ((d.flags & VH_DESC_INDIRECT) != 0) {
			if (list_indirect(g, &d, dir, l))
				list_split_table(g, &d, budget, l);
			return;
		}
		add(l, DATA, VH_V_NONE, &d);
		if ((d.flags & VH_DESC_NEXT) == 0)
			return;
		at = d.next;
	}
}

static void
list_packed(const struct rig *g, uint16_t idx, uint32_t room, uint32_t budget, enum vh_dir dir, struct list *l)
{
	uint32_t n;

	for (n = 0;; n++) {
		const struct vh_packed_desc *s = &g->bind.pdesc[(idx + n) % g->size];
		struct vh_desc d = { s->addr, s->len, s->flags, s->id };

		if (n == room) {
			add(l, BAD, VH_V_CHAIN_LOOP, NULL);
			return;
		}
		(void)count(l, budget);
		l->id = d.next;
		l->slots = (uint16_t)(n + 1);
		if ((d.flags & VH_DESC_INDIRECT) != 0) {
			if (n > 0)
				add(l, BAD, VH_V_DESC_FLAGS, NULL);
			else if (list_indirect(g, &d, dir, l))
				list_packed_table(g, &d, budget, dir, l);
			return;
		}
		add(l, DATA, VH_V_NONE, &d);
		if ((d.flags & VH_DESC_NEXT) == 0)
			return;
	}
}

/* State of the second pass. */
struct judge {
	const struct rig *g;
	struct opinion *o;
	enum vh_dir dir;
	enum vh_violation soft;
	uint64_t len;
};

static bool
hard(struct judge *j, enum verdict verdict, enum vh_violation code)
{
	j->o->verdict = verdict;
	j->o->code = code;
	return false;
}

/* @return false if no further piece counts: the verdict is final */
static bool
judge_piece(struct judge *j, uint64_t addr, uint64_t len, bool writable)
{
	while (len > 0 && j->soft == VH_V_NONE) {
		const uint8_t *p = byte_at(j->g, addr);
		uint64_t run = 0;
		unsigned int i;

		if (j->o->req.nr_segs == j->g->policy.max_pieces) {
			j->soft = VH_V_VEC_LIMIT;
			break;
		}
		if (p == NULL)
			return hard(j, REFUSED, VH_V_BAD_ADDR);
		for (i = 0; i < j->g->map->nr; i++) {
			const struct vh_region *r = &j->g->map->region[i];

			if (addr >= r->gpa && addr - r->gpa < r->size)
				run = r->size - (addr - r->gpa);
		}
		run = run < len ? run : len;
		if (writable && rig_in_ring(j->g, p, run))
			return hard(j, BROKEN, VH_V_DESC_IN_RING);
		j->o->seg[j->o->req.nr_segs++] = (struct vh_seg){
			.hva = (uint8_t *)(uintptr_t)p, .len = (uint32_t)run };
		j->o->req.nr_readable = (uint16_t)(j->o->req.nr_readable + !writable);
		addr += run;
		len -= run;
	}
	return true;
}

static bool
judge_data(struct judge *j, const struct vh_desc *d)
{
	bool writable = (d->flags & VH_DESC_WRITE) != 0;
	bool writable_before = j->o->req.nr_segs > j->o->req.nr_readable;

	if (d->len == 0 || j->soft != VH_V_NONE)
		return true;
	if (j->dir == VH_DIR_READ && writable) {
		j->soft = VH_V_TX_DIR;
		return true;
	}
	if ((j->dir == VH_DIR_WRITE && !writable) || (j->dir == VH_DIR_BOTH && !writable && writable_before))
		return hard(j, BROKEN, VH_V_DESC_DIR);
	if (d->addr + d->len < d->addr)
		return hard(j, BROKEN, VH_V_ADDR_WRAP);
	j->len += d->len;
	if (j->len > UINT32_MAX) {
		j->soft = VH_V_PKT_TOO_BIG;
		return true;
	}
	return judge_piece(j, d->addr, d->len, writable);
}

/* @return false if no further item counts */
static bool
judge_item(struct judge *j, const struct item *it)
{
	/* packed: a table has no structure that would be worth reading on behind a fault */
	if (it->in_table && j->g->packed && j->soft != VH_V_NONE)
		return false;
	switch (it->kind) {
	case DATA:
		return judge_data(j, &it->d);
	case TABLE:
		/* a table is not opened behind a fault */
		return j->soft == VH_V_NONE;
	case NO_TABLE:
		return hard(j, REFUSED, it->code);
	case BAD:
		j->o->loop = it->loop;
		return hard(j, BROKEN, it->code);
	case TOO_LONG:
		j->soft = VH_V_CHAIN_LEN;
		/* split: the head is all that is needed; packed: the rest of the slots is still looked at */
		return j->g->packed;
	}
	abort();
}

static void
conclude(struct judge *j)
{
	if (j->soft == VH_V_NONE && j->len == 0) {
		if (j->dir == VH_DIR_WRITE) {
			hard(j, BROKEN, VH_V_RX_EMPTY);
			return;
		}
		if (j->dir == VH_DIR_READ)
			j->soft = VH_V_TX_SHORT;
	}
	if (j->soft == VH_V_NONE) {
		j->o->req.len = (uint32_t)j->len;
		return;
	}
	if (j->dir == VH_DIR_READ) {
		j->o->req.fault = (uint16_t)j->soft;
		j->o->req.nr_segs = 0;
		j->o->req.nr_readable = 0;
		return;
	}
	hard(j, j->dir == VH_DIR_WRITE ? REFUSED : BROKEN, j->soft);
}

static void
judge_list(const struct rig *g, const struct list *l, enum vh_dir dir, struct opinion *o)
{
	struct judge j = { .g = g, .o = o, .dir = dir };
	uint32_t i;

	o->verdict = REQUEST;
	o->descs = l->descs;
	o->req.id = l->id;
	o->req.nr_slots = l->slots;
	for (i = 0; i < l->n; i++)
		if (!judge_item(&j, &l->item[i]))
			break;
	if (o->verdict == REQUEST)
		conclude(&j);
}

static struct item *
items(void)
{
	static struct item *all;

	if (all == NULL)
		all = malloc(MAX_ITEMS * sizeof(*all));
	assert(all != NULL);
	return all;
}

void
oracle_split(const struct rig *g, uint16_t idx, uint32_t room, uint32_t budget, enum vh_dir dir, struct opinion *o)
{
	const struct vh_avail *avail = (const void *)(uintptr_t)g->bind.avail;
	uint16_t head = avail->ring[idx % g->size];
	struct list l = { .item = items(), .id = head, .slots = 1 };

	memset(o, 0, offsetof(struct opinion, seg));
	o->loop = false;
	if (room == 0)
		return;
	if (head >= g->size) {
		o->verdict = BROKEN;
		o->code = VH_V_DESC_INDEX;
		return;
	}
	list_split(g, head, budget, dir, &l);
	judge_list(g, &l, dir, o);
}

void
oracle_packed(const struct rig *g, uint16_t idx, bool wrap, uint32_t room, uint32_t budget, enum vh_dir dir,
		struct opinion *o)
{
	uint16_t flags = g->bind.pdesc[idx].flags;
	struct list l = { .item = items() };

	memset(o, 0, offsetof(struct opinion, seg));
	o->loop = false;
	if (((flags & VH_DESC_AVAIL) != 0) != wrap || ((flags & VH_DESC_USED) != 0) == wrap)
		return;
	if (room == 0) {
		o->verdict = BROKEN;
		o->code = VH_V_AVAIL_IDX;
		return;
	}
	list_packed(g, idx, room, budget, dir, &l);
	judge_list(g, &l, dir, o);
}
