// SPDX-License-Identifier: Apache-2.0
/*
 * Commands for events. To follow without a gap, `event tail` subscribes first
 * and then reads what was before; what arrives in between is kept and joined
 * by its number. When it is told that it was too slow, it reads again.
 */
#include "agent/ctl/cmd_event.h"

#include <string.h>

#include "agent/common/utf8.h"
#include "agent/ctl/client.h"
#include "agent/ctl/fail.h"
#include "agent/ctl/print.h"
#include "agent/ctl/term.h"

#define WAIT_MS 30000
#define TAIL_EVENTS 20
#define PAGE_EVENTS 500
#define DATA_MAX 72 /* bytes of an event's data in a table */

static const struct arg tail_args[] = {
    {"--since", ARG_INT, "since", "SEQ", false,
     "Events after this number; default the last 20"},
    {"--follow", ARG_SET, "follow", "true", false,
     "Go on with each event as it happens"},
};

static const struct arg ls_args[] = {
    {"--since", ARG_INT, "since", "SEQ", false, "Events after this number"},
    {"--limit", ARG_INT, "limit", NULL, false, "At most so many"},
};

/* An alias that is made of a disk's UUID says the UUID. */
static void
print_device(const json_t *value, struct buf *out)
{
    const char *text = json_string_value(value);

    if (text && strncmp(text, "ua-", 3) == 0) {
        CLEANUP_JSON json_t *rest = json_string(text + 3);

        print_short(rest, out);
    } else {
        print_plain(value, out);
    }
}

/* The beginning of what an event tells; all of it is in -o json. */
static void
print_data(const json_t *value, struct buf *out)
{
    CLEANUP_BUF struct buf text = BUF_INIT;

    if (!json_object_size(value))
        return;
    print_plain(value, &text);
    if (text.len > DATA_MAX) {
        text.data[DATA_MAX] = '\0';
        utf8_trim(text.data);
        buf_printf(out, "%s…", text.data);
    } else {
        buf_add_text(out, text.data);
    }
}

static const struct print_column columns[] = {
    {">SEQ", "seq", NULL},
    {"TIME", "time", NULL},
    {"TYPE", "type", NULL},
    {"VM", "vm", print_short},
    {"DEVICE", "device", print_device},
    {"DATA", "data", print_data},
};
#define COLUMNS (sizeof(columns) / sizeof(*columns))

static void
print_gap(const struct ctl *ctl, const json_t *dropped)
{
    if (json_is_object(dropped))
        fprintf(ctl->err, "berthctl: events %lld to %lld are no longer kept\n",
                (long long)json_get_int(dropped, "from", 0),
                (long long)json_get_int(dropped, "to", 0));
}

static void
print_events(const struct ctl *ctl, const struct command *command,
             const json_t *result)
{
    print_gap(ctl, json_object_get(result, "dropped"));
    print_list(ctl->out, json_object_get(result, command->list), columns,
               COLUMNS);
}

/* --- tail ----------------------------------------------------------------- */

struct tail {
    const struct ctl *ctl;
    struct client *client;
    json_int_t last;  /* number of the last event printed */
    bool catching_up; /* keep what arrives in early */
    bool behind;      /* some were dropped on their way to us */
    json_t *early;    /* owned array */
};

/* As wide as most values are: what is to come is not known. */
static const int widths[COLUMNS] = {6, 24, 19, 8, 8, 0};

static void
print_line(const struct ctl *ctl, const json_t *event)
{
    CLEANUP_BUF struct buf line = BUF_INIT;

    for (size_t i = 0; i < COLUMNS; i++) {
        CLEANUP_BUF struct buf cell = BUF_INIT;
        const json_t *value = json_object_get(event, columns[i].key);

        if (columns[i].format)
            columns[i].format(value, &cell);
        else
            print_plain(value, &cell);
        buf_printf(&line, "%s%*s", i ? "  " : "", i ? -widths[i] : widths[i],
                   cell.len ? cell.data : "-");
    }
    term_print(ctl->out, line.data, false);
}

static void
show(struct tail *tail, const json_t *event)
{
    const struct ctl *ctl = tail->ctl;
    json_int_t seq = json_get_int(event, "seq", 0);

    /* What could not be recorded has no number, and comes but once. */
    if (seq && seq <= tail->last)
        return;
    if (seq)
        tail->last = seq;
    if (ctl->output == CTL_JSON) {
        CLEANUP_FREE char *text = json_text(event, NULL);

        term_print(ctl->out, text, false);
    } else if (ctl->output == CTL_NAME) {
        fprintf(ctl->out, "%" JSON_INTEGER_FORMAT, seq);
    } else {
        print_line(ctl, event);
    }
    fputc('\n', ctl->out);
    fflush(ctl->out);
}

static void
on_event(void *ctx, const json_t *event)
{
    struct tail *tail = ctx;

    if (!json_get_int(event, "seq", 0) &&
        !strcmp(json_get_text(event, "type", ""), "events.dropped"))
        tail->behind = true;
    else if (tail->catching_up)
        json_array_append(tail->early, (json_t *)event);
    else
        show(tail, event);
}

/* A call that must succeed; its failure is printed and its code returned. */
static int
call(struct tail *tail, const char *verb, const json_t *params, json_t **result)
{
    CLEANUP_JSON json_t *refusal = NULL;
    struct err err = ERR_INIT;

    *result = client_call(tail->client, verb, params, WAIT_MS, &refusal, &err);
    if (!*result)
        return (int)fail_print(tail->ctl->err, verb, &err, refusal);
    return CTL_OK;
}

/* Print what is stored after tail->last, page by page. */
static int
catch_up(struct tail *tail)
{
    for (;;) {
        CLEANUP_JSON json_t *params = json_object();
        CLEANUP_JSON json_t *page = NULL;
        const json_t *events, *event;
        json_int_t from = tail->last;
        size_t i;
        int rc;

        json_put_int(params, "since", from);
        json_put_int(params, "limit", PAGE_EVENTS);
        rc = call(tail, "GetEvents", params, &page);
        if (rc)
            return rc;
        print_gap(tail->ctl, json_object_get(page, "dropped"));
        events = json_object_get(page, "events");
        json_array_foreach(events, i, event) show(tail, event);
        if (tail->last == from)
            return CTL_OK;
    }
}

/* Read what is stored, then show what came meanwhile. */
static int
join(struct tail *tail)
{
    const json_t *event;
    size_t i;
    int rc;

    do {
        tail->behind = false;
        tail->catching_up = true;
        rc = catch_up(tail);
        tail->catching_up = false;
        json_array_foreach(tail->early, i, event) show(tail, event);
        json_array_clear(tail->early);
    } while (rc == CTL_OK && tail->behind);
    return rc;
}

static int
follow(struct tail *tail)
{
    struct err err = ERR_INIT;

    while (client_next_event(tail->client, -1, &err) == 0) {
        if (tail->behind && join(tail) != CTL_OK)
            return CTL_FAILED;
        if (ferror(tail->ctl->out))
            return CTL_FAILED;
    }
    return (int)fail_print(tail->ctl->err, NULL, &err, NULL);
}

static int
run_tail(const struct ctl *ctl, const struct command *command,
         struct client *client, const json_t *params)
{
    CLEANUP_JSON json_t *early = json_array();
    CLEANUP_JSON json_t *subscribed = NULL;
    struct tail tail = {
        .ctl = ctl, .client = client, .catching_up = true, .early = early};
    json_int_t next;
    int rc;

    client->event = on_event;
    client->ctx = &tail;
    rc = call(&tail, command->wire, NULL, &subscribed);
    if (rc)
        return rc;
    next = json_get_int(subscribed, "next", 0);
    tail.last = json_get_int(params, "since",
                             next > TAIL_EVENTS ? next - TAIL_EVENTS - 1 : 0);
    rc = join(&tail);
    if (rc || !json_get_bool(params, "follow", 0))
        return rc;
    return follow(&tail);
}

const struct command cmd_event_rows[] = {
    {.noun = "event",
     .verb = "tail",
     .wire = "Subscribe",
     .doc = "The last events, and those to come",
     COMMAND_ARGS(tail_args),
     .run = run_tail},
    {.noun = "event",
     .verb = "ls",
     .wire = "GetEvents",
     .doc = "Events that are kept",
     COMMAND_ARGS(ls_args),
     .list = "events",
     .name = "seq",
     .print = print_events},
};
const size_t cmd_event_nrows = sizeof(cmd_event_rows) / sizeof(*cmd_event_rows);
