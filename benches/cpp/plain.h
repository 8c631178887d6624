/* What is measured in plain C, as a C program would write it. */
#ifndef PLAIN_H
#define PLAIN_H

#include "fanfare.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How many frames are taken at a time, on both sides. */
enum { BATCH = 64 };

/* Makes the compiler believe that somebody looks at it. */
static inline void look_at(const void *what, size_t len) {
    __asm__ volatile("" : : "r"(what), "r"(len) : "memory");
}

/* Each says how many frames it took, or calls it made; 0 if something failed. */
size_t plain_recv(fanfare_engine *engine, fanfare_batch *batch);
size_t plain_vectored(fanfare_engine *engine, fanfare_batch *batch);
size_t plain_read(fanfare_engine *engine, const fanfare_session *sessions, size_t n);
size_t plain_drain(fanfare_engine *engine, char *buf, size_t cap);
size_t plain_dispatch(fanfare_engine *engine);
size_t plain_raise(fanfare_engine *engine, size_t times);
size_t plain_subscribe(fanfare_engine *engine, fanfare_session session, size_t times);

/* For plain_dispatch(). */
fanfare_status plain_on_frame(fanfare_engine *engine);

#ifdef __cplusplus
}
#endif

#endif
