/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device: one connection's negotiated state, its rings, its memory, and the slot (vid) under which threads find it.
 * Control fields are written by the owner of the connection's token only; what queries read is changed under the slot's
 * `peek` lock. Devices are freed on `vhost-io` alone, so that thread may use one it found until it returns to its loop.
 * May touch: devices, doors. See concurrency rules L1, M1..M3 in doc/architecture.md.
 */
#ifndef VH_DEVICE_H
#define VH_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "spin.h"
#include <rte_vhost.h>

#include "addr.h"
#include "bind.h"
#include "efd.h"
#include "evloop.h"
#include "limits.h"
#include "memmap.h"
#include "policy.h"
#include "protect.h"
#include "rarp_slot.h"
#include "violation.h"

/** fd values the public ring getter shows. */
#define VH_FD_NONE (-1)  /* front-end said "no fd" */
#define VH_FD_UNSET (-2) /* never set */

/** What a path was registered with; copied into each device when its first message arrives (C2). */
struct vh_settings {
	uint64_t features;          /* offered */
	uint64_t features_supported; /* what enable_features may turn on again */
	uint64_t protocol_features; /* offered */
	uint64_t flags;             /* RTE_VHOST_USER_* given to register */
	bool builtin_net;           /* false once the application called set_features */
	const struct rte_vhost_device_ops *ops; /* application's, static lifetime by contract */
};

/** Configuration of one ring as messages set it. A value: staged, then committed whole. */
struct vh_queue_conf {
	uint16_t size;       /* 0 = never set */
	bool addr_set;
	bool enabled;
	bool base_set;       /* base_* came from the front-end or a stop */
	bool broken;         /* structure violated since the last start */
	bool started;        /* has run since it was configured: positions live in the ring */
	uva_t desc, avail, used;
	uint16_t base_avail, base_used; /* api.md 2.4 encoding; valid while not started */
	int kickfd;          /* owned; VH_FD_NONE, VH_FD_UNSET */
	int callfd;          /* of `call`, or VH_FD_NONE, VH_FD_UNSET */
	struct vh_efd *call; /* counted reference */
	struct vh_efd *err;  /* counted reference */
};

/** A data thread broke the ring; with CLOSE the policy ends the connection as well. */
enum vh_broke {
	VH_BROKE = 1,
	VH_BROKE_CLOSE,
};

struct vh_queue {
	struct vh_device *dev;
	uint16_t index;
	bool ready;           /* as last reported to the application */
	bool notify_set, notify_on; /* application's wish (H40) */
	enum vh_violation parked; /* why it cannot start, VH_V_NONE */
	struct vh_queue_conf conf;
	struct vh_ring *ring; /* NULL until first start */
	struct vh_bind *bind; /* published in the door, or NULL; pointer changes under peek */
	uint32_t broke;       /* atomic: 0 or enum vh_broke, set by data threads, taken by vhost-io */
	uint32_t stopping;    /* what vhost-io took of it and has not told the front-end yet */
};

struct vh_old_map {
	struct vh_memmap *map;
	struct vh_old_map *next;
};

struct vh_backchan;

struct vh_device {
	int vid;
	const char *path;     /* endpoint's, lives as long as the device */
	const struct vh_policy *policy;
	struct vh_settings set;
	void *conn;           /* ctl/ only */
	uint64_t created_ns;
	/* negotiated; changed under peek */
	uint64_t features, protocol;
	uint8_t status;
	uint16_t mtu;
	bool ready;           /* READY of api.md 3.5: sticky until GET_VRING_BASE or RESET_OWNER */
	bool restart_blocked; /* H29: a GET_VRING_BASE came, no ring was kicked since */
	bool running;         /* new_device was accepted */
	bool exported;        /* a getter has shown addresses of the table (M1) */
	int numa_node;
	struct vh_memmap *map; /* NULL = never set */
	struct vh_old_map *old_maps; /* replaced tables an application may still use (M1) */
	struct vh_protect *protect;
	uint16_t nr_queues;   /* highest ring named + 1 */
	struct vh_queue *queue[VH_MAX_RINGS];
	struct vh_backchan *backchan;
	struct rte_vhost_user_extern_ops extern_ops; /* under peek */
	void *extern_ctx;
	struct vh_rarp rarp;
	struct vh_guard guard;
	bool doors_held;      /* all doors closed by control for a callback or hook */
};

/* ---- slots (registry.c) ---- */

struct vh_slot {
	struct vh_spin peek;
	struct vh_device *dev;
	uint64_t cb_thread;   /* atomic: pthread id of the callback thread while doors are held for it (C1), else 0 */
};
extern struct vh_slot vh_slots[VH_MAX_DEVICES];

/** Lowest free vid gets dev (K6). @return vid or -ENOSPC. Any thread. */
int vh_slot_take(struct vh_device *dev);
/** dev is found no more. */
void vh_slot_clear(struct vh_device *dev);
/**
 * Device of a vid with its slot's peek lock held, or NULL (nothing held). A few instructions only, then
 * vh_device_unlock().
 * A bad vid is logged, rate-limited (H41).
 */
struct vh_device *vh_device_lock(int vid);
void vh_device_unlock(struct vh_device *dev);
/** True if a device has that vid now. */
bool vh_device_exists(int vid);
/** As vh_device_lock plus the queue; NULL if the ring was never named. */
struct vh_queue *vh_queue_lock(int vid, uint32_t index);
void vh_queue_unlock(struct vh_queue *q);

/* ---- life (device.c) ---- */

/** New device without a slot. NULL: no memory. */
struct vh_device *vh_device_create(const char *path, const struct vh_policy *policy, const struct vh_settings *set);
/** All doors must be unbound, the slot cleared. Frees everything; memory maps go to `vhost-work`. `vhost-io` only. */
void vh_device_free(struct vh_device *dev);
/** Make rings 0..index exist (api.md 3.3 step 3). @return 0 or -ENOMEM */
int vh_device_touch(struct vh_device *dev, uint16_t index) VH_MUST_USE;
/** Give up one reference on a map; the last one is unmapped on `vhost-work`. */
void vh_map_release(struct vh_memmap *map);
/** Release maps kept for the application if nothing runs any more (M1). */
void vh_device_release_old_maps(struct vh_device *dev);

/* ---- staged change of configuration (plan.c) ---- */

/**
 * A change being made to a device: new values beside the old ones. Filled by the caller from vh_plan_begin(), then
 * prepare (may fail, nothing changed), commit (cannot fail), then vh_plan_quiet() until true, then vh_plan_end().
 */
struct vh_plan {
	struct vh_device *dev;
	/* staged device values */
	uint64_t features, protocol;
	uint8_t status;
	struct vh_memmap *map;    /* borrowed; on commit dev takes a reference of its own */
	/* staged and prepared ring values, nr of them */
	uint16_t nr;
	bool committed;
	bool protect_changed;
	struct vh_protect *protect; /* protection in force after commit; owned if protect_changed */
	struct vh_plan_ring {
		struct vh_queue_conf conf;  /* edited by the caller; swapped with the ring's own on commit */
		struct vh_bind want;        /* resolved binding, valid if bound */
		bool bound;
		bool changed;               /* differs from the binding in force */
		bool start;                 /* ring starts with this change */
		enum vh_violation parked;
		struct vh_fault fault;      /* details of parked */
		struct vh_bind *bind;       /* allocated new binding; after commit the replaced one */
		struct vh_ring *fresh;      /* private state for a ring that never had one; owned until commit */
		int node;                   /* NUMA node of fresh */
		uint64_t seen;              /* door word at commit, for grace; even = nobody to wait for */
	} *ring;
};

/** Everything staged as it is now. NULL: no memory. */
struct vh_plan *vh_plan_begin(struct vh_device *dev);
/** Resolve every ring against the staged values. @return 0 or -ENOMEM (nothing changed) */
int vh_plan_prepare(struct vh_plan *p) VH_MUST_USE;
/** Publish. What was replaced may still be in use until vh_plan_quiet(). */
void vh_plan_commit(struct vh_plan *p);
/** Has every data thread left the replaced bindings (D4)? Never waits. */
bool vh_plan_quiet(struct vh_plan *p);
/** Free what was replaced (only after quiet) or staged (if never committed), and the plan. */
void vh_plan_end(struct vh_plan *p);

/** Take every binding away and free it; all doors must be held (vh_device_close_doors). */
void vh_device_unbind(struct vh_device *dev);

/* ---- doors of a device (door.c) ---- */

/** Try to hold all doors exclusively, in ascending order; call again until true (D5, D6). */
bool vh_device_close_doors(struct vh_device *dev);
void vh_device_open_doors(struct vh_device *dev);
/** Holds the doors for callbacks made by the calling thread (C1). */
void vh_device_doors_for_thread(struct vh_device *dev, bool on);

/* ---- readiness (ready.c) ---- */

/** Why a ring is not ready, NULL if it is. Static text. */
const char *vh_queue_not_ready(const struct vh_queue *q);
/** Any ring whose readiness differs from what was reported, or new_device due? */
bool vh_ready_pending(const struct vh_device *dev);
/** Report ring changes, then new_device if due (api.md 3.3 steps 10, 12). Callback thread. */
void vh_ready_report_rings(struct vh_device *dev);
void vh_ready_start_device(struct vh_device *dev);
/** destroy_device if running. Callback thread or the caller of unregister. */
void vh_ready_stop_device(struct vh_device *dev);

/* ---- reports from data threads (queue.c) ---- */

void vh_report_set_loop(struct vh_loop *loop);
/** Data threads: something of this vid wants vhost-io. */
void vh_report(int vid);
/** vhost-io: next vid that reported, -1 none. */
int vh_report_next(void);

/* ---- back-end channel (backchan.c) ---- */

/** Takes over fd; NULL: no memory. */
struct vh_backchan *vh_backchan_create(int fd);
void vh_backchan_get(struct vh_backchan *b);
/** Shuts down and closes with the last reference. */
void vh_backchan_put(struct vh_backchan *b);
/** Wakes waiters and refuses further use. */
void vh_backchan_shutdown(struct vh_backchan *b);
/** Send CONFIG_CHANGE; with need_reply wait at most deadline_ms. 0; -1 failed or refused */
int vh_backchan_config_change(struct vh_backchan *b, bool need_reply, uint32_t deadline_ms);

#endif /* VH_DEVICE_H */
