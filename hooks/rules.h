// SPDX-License-Identifier: Apache-2.0
/*
 * Which places of a domain's XML are more than a plain attribute: a table of
 * patterns over paths such as "domain/devices/disk/source@file". Pure.
 */
#pragma once

/* The bits of `[hook NAME] may =`, and one that nobody can be granted. */
enum judge_need {
    JUDGE_QEMU_COMMANDLINE = 1 << 0,
    JUDGE_ADD_DEVICE = 1 << 1,
    JUDGE_SOURCE = 1 << 2,
    JUDGE_PRIVILEGE = 1 << 3,
    JUDGE_NEVER = 1 << 4,
};

/* What a change at that place needs: bits of enum judge_need, 0: nothing.
 * value is what an attribute says now (NULL: an element, or text). */
unsigned rules_needs(const char *path, const char *value);

/* Whether a disk's source is decided there, so that a source which is allowed
 * takes the need away. */
int rules_is_disk_source(const char *path);
