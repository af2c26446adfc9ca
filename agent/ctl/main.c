// SPDX-License-Identifier: Apache-2.0
/*
 * berthctl: one command, one exit code. Output that could not be written is
 * a failure too.
 */
#include <signal.h>
#include <stdio.h>

#include "agent/common/json.h"
#include "agent/ctl/ctl.h"
#include "agent/ctl/run.h"

int
main(int argc, char **argv)
{
    int code;

    signal(SIGPIPE, SIG_IGN);
    json_init();
    code = run_berthctl(argc, argv, stdout, stderr);
    if (fflush(stdout) != 0 && code == CTL_OK) {
        perror("berthctl: standard output");
        code = CTL_FAILED;
    }
    return code;
}
