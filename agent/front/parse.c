// SPDX-License-Identifier: Apache-2.0
/*
 * A parse belongs to the I/O thread, then to the worker, then to the outbox,
 * which runs or drops it. The text is given back as soon as it is parsed.
 */
#include "agent/front/parse.h"

#include "agent/common/mem.h"

struct parse {
    struct parse_owner owner;
    uint64_t session;
    uint64_t number;
    char *text;
    size_t len;
    int rc;
    struct jsonrpc_message message;
    struct err err;
};

static void
parse_free(void *arg)
{
    struct parse *parse = arg;

    jsonrpc_message_free(&parse->message);
    free(parse->text);
    free(parse);
}

static void
hand_back(void *arg)
{
    struct parse *parse = arg;

    parse->owner.done(parse->owner.ctx, parse->session, parse->number,
                      parse->rc, &parse->message, &parse->err);
    parse_free(parse);
}

static void
run_job(void *arg)
{
    struct parse *parse = arg;

    parse->rc =
        jsonrpc_parse(parse->text, parse->len, &parse->message, &parse->err);
    free(STEAL(parse->text));
    outbox_post(parse->owner.outbox, hand_back, parse_free, parse);
}

static void
drop_job(void *arg)
{
    struct parse *parse = arg;

    parse->rc = err_set(&parse->err, ERR_STOPPING,
                        "berthd is stopping; ask again when it is back.");
    outbox_post(parse->owner.outbox, hand_back, parse_free, parse);
}

int
parse_start(const struct parse_owner *owner, uint64_t session, uint64_t number,
            const char *text, size_t len, struct err *err)
{
    struct parse *parse = mem_zalloc(1, sizeof(*parse));
    const struct job job = {
        .run = run_job, .drop = drop_job, .arg = parse, .label = "parse"};

    parse->owner = *owner;
    parse->session = session;
    parse->number = number;
    parse->text = mem_ndup(text, len);
    parse->len = len;
    if (pool_submit(owner->pool, NULL, &job, err) == 0)
        return 0;
    parse_free(parse);
    return -1;
}
