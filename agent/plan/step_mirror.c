// SPDX-License-Identifier: Apache-2.0
/*
 * The mirror of our rows in the running domain's metadata. The definition's
 * is an edit like any other. It went with a domain that has stopped.
 */
#include "agent/plan/step.h"

#include "agent/common/xml.h"

/* JSON as the text of our element; NULL takes it out. */
static int
write_mirror(struct step_run *run, const char *json, struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = json ? xml_new("mirror") : NULL;
    CLEANUP_TEXT char *text =
        doc ? xml_text(xml_add(xml_root(doc), DOMAIN_METADATA_NAME, json))
            : NULL;
    const struct hyper_metadata metadata = {DOMAIN_METADATA_URI,
                                            DOMAIN_METADATA_PREFIX, text};

    if (!run->info->active)
        return 0;
    return hyper_metadata(run->env->hyper, run->vm, &metadata, err);
}

static int
mirror_run(struct step_run *run, struct step *step, struct err *err)
{
    return write_mirror(run, step->text, err);
}

/* The next plan compares with what the view says. */
static int
mirror_verify(struct step_run *run, struct step *step, struct err *err)
{
    (void)step;
    return run->info->active ? step_read_live(run, err) : 0;
}

static int
mirror_undo(struct step_run *run, struct step *step, struct err *err)
{
    return write_mirror(run, step->text_was, err);
}

const struct step_ops step_mirror_write = {mirror_run, mirror_verify,
                                           mirror_undo};
