/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A back-end in this process (the library below the public API) with one or more registered paths, and a recorder of
 * what the application is told. The front-end is test/common/fe.h over a real socket.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>

#include "fe.h"

/** EAL without huge pages, once per process; a directory for sockets. */
int fx_init(void **state);
int fx_fini(void **state);

/** Socket path `name` in the test's directory; static storage, good until the next 8 calls. */
const char *fx_path(const char *name);
/** register, callbacks, start; fails the test if one of them fails. */
const char *fx_serve(const char *name, uint64_t flags);
/** unregister. */
void fx_unserve(const char *path);

/* what the recorder does in callbacks; set back to zero by fx_serve */
extern _Atomic(int) fx_refuse_new_device;     /* that many times new_device says no */
extern _Atomic(bool) fx_refuse_connection;
extern _Atomic(unsigned int) fx_block_ms;     /* how long new_device sleeps */
extern _Atomic(const char *) fx_unregister_in; /* name of the callback that unregisters its own path */
extern _Atomic(int) fx_unregister_rc;
extern _Atomic(int) fx_vid;                   /* of the last new_connection */
/** Hooks to register in new_connection. */
extern _Atomic(const struct rte_vhost_user_extern_ops *) fx_hooks;

/** Events so far as "new_connection 0;state 0 0 1;…". Waits until the text ends with `tail` (at most 3 s). */
bool fx_wait(const char *tail);
/** All events since the last fx_clear. */
const char *fx_events(void);
void fx_clear(void);

/** Counter of a violation of a vid, by name. */
uint64_t fx_count(int vid, const char *violation);
/** Wait until the counter is at least n (2 s). */
bool fx_wait_count(int vid, const char *violation, uint64_t n);

/** Open fds of the process. */
unsigned int fx_fds(void);
/** Wait until the number of open fds is at most n (3 s); closing is done by workers. */
bool fx_wait_fds(unsigned int n);
struct rte_mempool *fx_pool(void);

/** One connected front-end with one pair. */
struct fe_dev *fx_dev(const char *path, enum fe_order order, bool packed);
void fx_dev_free(struct fe_dev *dev);

#endif /* FIXTURE_H */
