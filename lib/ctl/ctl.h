/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control path: registered paths (endpoints), their connections, and who may touch a connection when.
 *
 * A connection has one owner at a time (its token). The owner runs the next step of its program: `vhost-io`,
 * `vhost-events` (application callbacks) or a caller of unregister. Nobody waits for a thread: a step that cannot go on
 * is tried again by a timer.
 * May touch: endpoints, connections, devices. Locks: registry mutex, then a connection's token lock.
 */
#ifndef VH_CTL_H
#define VH_CTL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "evloop.h"
#include "limits.h"
#include "msg.h"
#include "policy.h"
#include "work.h"

/** Token bucket; times in ns. */
struct vh_bucket {
	uint64_t level_ns;  /* debt paid off up to this time */
};

struct vh_conn;

/** A registered path. Counted: the registry, each connection, each task under way. */
struct vh_endpoint {
	uint32_t refs;           /* atomic */
	char path[VH_MAX_PATH + 1];
	struct vh_policy policy; /* immutable */
	/* under the registry mutex */
	struct vh_settings set;
	bool client, reconnect;
	bool registered, started;
	bool bound;              /* the socket file is ours (H25) */
	struct vh_conn *conns;
	unsigned int nr_conns;
	int fd;                  /* listener, or -1 */
	/* vhost-io */
	struct vh_source listener;
	struct vh_timer timer;   /* server: accept again; client: connect again */
	struct vh_task begin, end;
	struct vh_bucket accepts, tables;
	struct vh_log_bucket log; /* of all its connections: reconnecting does not refill it (U6) */
	uint32_t backoff_ms;
	uint64_t connected_ns;
	bool told_reconnecting;
	bool ended;
};

/** Who has the token. */
enum vh_owner {
	VH_OWNER_IDLE,    /* nobody: waiting for a message */
	VH_OWNER_IO,
	VH_OWNER_TIMER,   /* a step said "again"; vhost-io takes it up by timer */
	VH_OWNER_WORK,    /* waiting for a worker's result */
	VH_OWNER_QUEUED,  /* queued for vhost-events */
	VH_OWNER_EVENTS,
	VH_OWNER_CALLER,  /* unregister, or the first connect of a client */
	VH_OWNER_GONE,
};

enum vh_where {
	VH_ON_IO,
	VH_ON_EVENTS,
};

enum vh_step_result {
	VH_STEP_DONE,
	VH_STEP_AGAIN, /* a data thread is inside; vhost-io only */
	VH_STEP_LATER, /* no memory now, or a rate; vhost-io only */
	VH_STEP_WORK,  /* a worker was asked; the next step runs when it is done; vhost-io only */
};

struct vh_step {
	const char *name;
	enum vh_where where;
	enum vh_step_result (*run)(struct vh_conn *c);
	bool (*needed)(const struct vh_conn *c); /* NULL: always */
};

/** A reply or part of one that the socket did not take yet. */
struct vh_out_item {
	struct vh_out_item *next;
	uint32_t len, sent;
	struct vh_fds fds;
	uint8_t buf[];
};

struct vh_out {
	struct vh_out_item *head, **tail;
	uint32_t nr;
	uint64_t progress_ns; /* when the kernel last took something */
};

/** How far a message got. */
enum vh_handled {
	VH_NOT_HANDLED,
	VH_HANDLED,
	VH_REFUSED,
};

struct vh_conn {
	uint32_t refs;            /* atomic */
	struct vh_endpoint *ep;
	struct vh_conn *next;     /* ep->conns */
	struct vh_device *dev;
	int fd;
	bool announced;           /* new_connection accepted: destroy_connection is due */
	bool greeted;             /* settings were copied at the first message */
	struct vh_source source;
	struct vh_timer timer;
	/* token */
	pthread_mutex_t lock;
	pthread_cond_t handed;    /* owner became CALLER */
	enum vh_owner owner;
	bool takeover;            /* a caller waits for the token */
	bool drop_after;          /* unregistered by its own callback */
	pthread_t caller;         /* while owner is CALLER */
	const char *callback;     /* name of the callback being run, for messages */
	/* program */
	const struct vh_step *program;
	unsigned int step;
	uint64_t waits_since;     /* monotonic ns: the step waits for a data thread since then; 0: it does not */
	bool wait_reported;
	struct vh_task io_task;   /* hands the token to vhost-io */
	struct vh_task attach;    /* registers source, for connections made by a caller */
	struct vh_task end;       /* last work on vhost-io for a connection ended by a caller */
	struct vh_task bury;      /* frees the connection, after the last reference */
	struct vh_job events_job;
	bool close;               /* close when the program ends */
	bool hung_up;
	uint32_t report;          /* atomic: data threads reported while the token was away */
	/* message in hand */
	struct vh_rx rx;
	struct vh_frame frame;
	struct vh_msg msg;
	struct vh_fault fault;
	const struct vh_msg_row *row; /* NULL: unknown number */
	enum vh_handled handled;
	bool replied;             /* the application's hook or apply sent the explicit reply */
	bool parked;              /* the ring named was parked by this message */
	bool was_started;         /* the ring named had a position of its own before this message */
	uint16_t position;        /* GET_VRING_BASE: what the reply says */
	struct vh_reply reply;
	bool has_reply;
	struct vh_plan *plan;
	uint32_t nacks;           /* refused in a row */
	struct vh_bucket rate;
	/* worker */
	struct vh_job map_job;
	struct vh_task map_done;
	bool mapping;             /* vhost-io: the worker uses the message in hand */
	struct vh_memmap *map_old, *map_new;
	int map_rc;
	struct vh_fault map_fault;
	struct vh_out out;
};

/* ---- threads (thread.c) ---- */

/** Make vhost-io, vhost-events and the workers once. @return 0 or negative errno */
int vh_ctl_start(void) VH_MUST_USE;
struct vh_loop *vh_ctl_loop(void);

/* ---- buckets (bucket.c) ---- */

/** Take one token at `rate`/s with room for `burst`. @return 0, or the time (ns, monotonic) when one is there */
uint64_t vh_bucket_take(struct vh_bucket *b, uint32_t rate, uint32_t burst, uint64_t now_ns);

/* ---- endpoints (endpoint.c, accept.c, connect.c) ---- */

void vh_registry_lock(void);
void vh_registry_unlock(void);
/** Registry mutex held. First match or NULL. */
struct vh_endpoint *vh_endpoint_find(const char *path);
void vh_endpoint_get(struct vh_endpoint *ep);
void vh_endpoint_put(struct vh_endpoint *ep);
/** rte_vhost_driver_register: 0 or -1. */
int vh_endpoint_register(const char *path, uint64_t flags);
/** rte_vhost_driver_start: 0 or -1. */
int vh_endpoint_start(const char *path);
/** rte_vhost_driver_unregister: 0 or -1. */
int vh_endpoint_unregister(const char *path);
/** vhost-io: begin to accept. */
void vh_accept_begin(struct vh_endpoint *ep);
/** vhost-io: a client endpoint wants its next connection, after delay_ms. */
void vh_connect_later(struct vh_endpoint *ep, uint32_t delay_ms);
/** One attempt. @return fd or negative errno. Any thread. */
int vh_connect_try(struct vh_endpoint *ep);
/** vhost-io: a connection of a client endpoint has ended. */
void vh_connect_lost(struct vh_endpoint *ep);
/** vhost-io: connect timer. */
void vh_connect_fire(struct vh_timer *t);

/* ---- connections (conn.c) ---- */

/**
 * Connection with device and vid for a connected socket; linked to ep. Owner is `owner`.
 * @return NULL: no memory or no vid; fd stays the caller's
 */
struct vh_conn *vh_conn_create(struct vh_endpoint *ep, int fd, enum vh_owner owner);
void vh_conn_get(struct vh_conn *c);
void vh_conn_put(struct vh_conn *c);
/** vhost-io: begin with the program that announces the connection (new_connection on vhost-events). */
void vh_conn_open(struct vh_conn *c);
/** Caller: run new_connection here, then give the connection to vhost-io. @return false if it was refused */
bool vh_conn_open_in_caller(struct vh_conn *c);
/** vhost-io: hung up by its peer and idle? Begin its close list; true while the connection is not gone (M4). */
bool vh_conn_reap(struct vh_conn *c);
/**
 * End a connection for unregister, in the caller (doc/architecture.md, Closing).
 * @return true when it is done or will be by the callback that asked; false: wait_ms passed in vain
 */
bool vh_conn_end_in_caller(struct vh_conn *c, uint32_t wait_ms);
/** vhost-io: arm the socket and the deadline timer of an idle connection. */
void vh_conn_arm(struct vh_conn *c);
/** Next ops callback of this connection is called `name`; for messages to operators. */
const struct rte_vhost_device_ops *vh_conn_ops(struct vh_conn *c, const char *name);

/* ---- steps (steps.c) ---- */

/** vhost-io: start a program on a connection whose token vhost-io has. */
void vh_steps_start(struct vh_conn *c, const struct vh_step *program);
/** Continue on the calling thread, which has the token. */
void vh_steps_run(struct vh_conn *c, enum vh_where here);
/** vhost-io: take the token of an idle connection. */
bool vh_token_take(struct vh_conn *c, enum vh_owner from);
void vh_steps_init(struct vh_conn *c);
/** Called by the engine on vhost-io when a program has ended. */
void vh_conn_program_done(struct vh_conn *c);

/* ---- messages (message.c, apply.c, hook.c, out.c) ---- */

extern const struct vh_step vh_message_program[];
extern const struct vh_step vh_open_program[];
extern const struct vh_step vh_close_program[];
extern const struct vh_step vh_drop_program[];
extern const struct vh_step vh_report_program[];

/** Forget the message in hand, whatever its state; a committed plan must be quiet. */
void vh_message_release(struct vh_conn *c);
/** vhost-io: data threads reported something about this connection's device. */
void vh_conn_report(struct vh_conn *c);
/** vhost-io: wake handler of the loop (report.c). */
void vh_ctl_reports(void);
/** Common tail of plans: wait for data threads, free what was replaced. */
enum vh_step_result vh_step_quiet(struct vh_conn *c);
enum vh_step_result vh_step_callback_doors(struct vh_conn *c);
enum vh_step_result vh_step_callbacks(struct vh_conn *c);
bool vh_needs_callbacks(const struct vh_conn *c);
bool vh_needs_callback_doors(const struct vh_conn *c);

/** Stage 3, first half: build everything aside. @return 0, violation, or negative errno; nothing changed */
int vh_apply_prepare(struct vh_conn *c) VH_MUST_USE;
/** Stage 3, second half. */
void vh_apply_commit(struct vh_conn *c);
/** Stage 3, after grace: what may be read only now (ring positions). */
void vh_apply_finish(struct vh_conn *c);

bool vh_has_pre_hook(const struct vh_conn *c);
bool vh_has_post_hook(const struct vh_conn *c);
void vh_hook_pre(struct vh_conn *c);
void vh_hook_post(struct vh_conn *c);

void vh_out_init(struct vh_out *o);
void vh_out_clear(struct vh_out *o);
/** Send or queue. fds are duplicated by the kernel or moved into the queue. @return 0 or negative errno */
int vh_out_send(struct vh_out *o, int sock, const void *buf, uint32_t len, struct vh_fds *fds, uint64_t now_ns);
/** Write what the socket takes. @return 0 all written, -EAGAIN more to write, other negative errno */
int vh_out_flush(struct vh_out *o, int sock, uint64_t now_ns);

#endif /* VH_CTL_H */
