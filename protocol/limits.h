// SPDX-License-Identifier: Apache-2.0
/*
 * Every limit of the wire, together. Crossing one is a typed error for who
 * crossed it (kind LIMIT or BUSY), and never harms another connection.
 */
#pragma once

#define LIMIT_LINE (32u << 20)         /* bytes of one line or frame */
#define LIMIT_STOMP_HEAD (16u << 10)   /* bytes of a frame before its body */
#define LIMIT_STOMP_HEADERS 64u        /* of one frame */
#define LIMIT_STOMP_NAME 200u          /* bytes of a destination, id, receipt */
#define LIMIT_STOMP_OUT 1023u          /* head of a frame that berthd sends */
#define LIMIT_STOMP_SUBSCRIPTIONS 64u  /* of one connection */
#define LIMIT_DEPTH 64u                /* nesting of a JSON value */
#define LIMIT_BATCH 1000u              /* requests of one batch */
#define LIMIT_CONNECTIONS 1024u        /* open at once */
#define LIMIT_CONNECTIONS_LOCAL 16u    /* more, for the unix socket alone */
#define LIMIT_SESSION_REQUESTS 256u    /* unanswered, per connection */
#define LIMIT_PEER_REQUESTS 1024u      /* unanswered, per peer */
#define LIMIT_REQUESTS 4096u           /* unanswered, in all */
#define LIMIT_LANE_REQUESTS 64u        /* queued for one VM */
#define LIMIT_OUTPUT (64u << 20)       /* unsent bytes per connection */
#define LIMIT_OUTPUT_PAUSE (1u << 20)  /* above it nothing more is read */
#define LIMIT_OUTPUT_EVENTS (256u << 10) /* above it events are dropped */
#define LIMIT_STALL_MS 10000           /* paused, and not a byte was taken */
#define LIMIT_CLOSE_MS 1000            /* last bytes of a closing connection */
#define LIMIT_HANDSHAKE_MS 10000       /* TLS handshake, then first bytes */
#define LIMIT_PARSE_INLINE (64u << 10) /* a larger text is parsed aside */
#define LIMIT_PARSE_FACTOR 8u          /* of a text: bytes of its parse */
#define LIMIT_BACKLOG 256              /* listen() */
