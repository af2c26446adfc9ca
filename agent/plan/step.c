// SPDX-License-Identifier: Apache-2.0
/*
 * Reading a domain again after a step: the parsed view is the proof of this
 * step and the input of the next plan.
 */
#include "agent/plan/step.h"

#include "agent/common/cleanup.h"

static struct domain *
read_view(struct step_run *run, enum hyper_xml which, struct err *err)
{
    CLEANUP_TEXT char *xml =
        hyper_domain_xml(run->env->hyper, run->vm, which, err);

    return xml ? domain_parse(xml, err) : NULL;
}

int
step_read_live(struct step_run *run, struct err *err)
{
    struct domain *view = read_view(run, HYPER_XML_LIVE, err);

    if (!view)
        return -1;
    domain_unref(run->info->live);
    run->info->live = view;
    vm_table_views(run->env->vms, run->vm, view, NULL);
    return 0;
}

int
step_read_config(struct step_run *run, struct err *err)
{
    struct domain *view = read_view(run, HYPER_XML_CONFIG, err);

    if (!view)
        return -1;
    domain_unref(run->info->config);
    run->info->config = view;
    vm_table_views(run->env->vms, run->vm, NULL, view);
    return 0;
}
