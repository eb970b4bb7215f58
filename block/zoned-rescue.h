/*
 * The zoned image format: a zone table that is damaged, made into one that
 * an image can be used with
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONED_RESCUE_H
#define BLOCK_ZONED_RESCUE_H

#include "zoned-meta.h"

/**
 * ZonedRescue: a zone table that is being rescued.
 *
 * @meta: the table; @meta.file and @meta.header are set by the caller
 * @found: called for each thing that is wrong, with a text that says what it
 *         is and what a repair makes of it
 * @opaque: of @found
 */
typedef struct ZonedRescue {
    ZonedMeta meta;
    void (*found)(void *opaque, const char *text);
    void *opaque;
} ZonedRescue;

/**
 * zoned_rescue_load: read the zone table as far as it is good, and correct
 * the rest in memory as docs/interop/zoned.rst says ("Check and repair").
 *
 * Returns 0: now zoned_rescue_write() can repair the image; -EINVAL: the table
 * is not the one of its root, so that no zone is certain; or the error of a
 * read.
 */
int zoned_rescue_load(ZonedRescue *r, Error **errp);

/**
 * zoned_rescue_write: write the table to the image, which is clean then.
 * What was good there before is never in danger.
 *
 * Returns 0 or the error of the medium.
 */
int zoned_rescue_write(ZonedRescue *r);

/** zoned_rescue_unload: free what zoned_rescue_load() has made */
void zoned_rescue_unload(ZonedRescue *r);

#endif /* BLOCK_ZONED_RESCUE_H */
