// SPDX-License-Identifier: Apache-2.0
/*
 * Messages → requests → replies: what is admitted, and whom an answer goes to.
 * Texts over LIMIT_PARSE_INLINE are parsed in a worker while the session's
 * reading rests. I/O thread only.
 */
#pragma once

#include "agent/front/session.h"
#include "agent/plan/env.h"

struct dispatch;

/* Sets notify's front. outbox brings parsed texts back; it must not be run
 * after dispatch_free. */
struct dispatch *dispatch_new(struct env *env, struct outbox *outbox,
                              struct event_base *base);
void dispatch_free(struct dispatch *dispatch); /* frees open sessions too */

/* A session exists from now on; the rest are session_owner's functions. */
void dispatch_opened(struct dispatch *dispatch, struct session *session);
void dispatch_request(struct dispatch *dispatch, struct session *session,
                      const char *text, size_t len,
                      const struct speech_from *from);
void dispatch_events(struct dispatch *dispatch, struct session *session,
                     bool wanted);
void dispatch_ended(struct dispatch *dispatch, struct session *session);
void dispatch_gone(struct dispatch *dispatch, struct session *session);
void dispatch_drained(struct dispatch *dispatch, struct session *session);

/* Requests taken and not yet answered, all sessions. */
size_t dispatch_open(const struct dispatch *dispatch);

/* Sessions that exist, those in their handshake too. */
size_t dispatch_sessions(const struct dispatch *dispatch);

/* End the oldest session whose peer sends no more and waits for answers;
 * false when there is none. Not from within a call of a session. */
bool dispatch_give_way(struct dispatch *dispatch);

/* No new request is taken any more (STOPPING). */
void dispatch_stop(struct dispatch *dispatch);

/* Close every session once its output is written. */
void dispatch_close(struct dispatch *dispatch);
