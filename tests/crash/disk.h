/*
 * Crash laboratory: a zoned disk on a medium, as the guest finds it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CRASH_DISK_H
#define TESTS_CRASH_DISK_H

#include "block/zoned-layout.h"
#include "case.h"
#include "medium.h"
#include "model.h"

/* A medium with a new image in it, as @c wants it */
Medium *disk_create(const Case *c, ZonedHeader *h, uint64_t *clock);

/* Open the image on @m, in nodes that are named after @name */
BlockBackend *disk_open(Medium *m, const char *name, Error **errp);

/*
 * Look at all of the disk, and check the image.  Returns NULL and sets
 * @versions to those in which the zones are found; or says what cannot be
 * after a crash at @moment.
 *
 * @torn_root: the crash has torn a root inside of a sector.  If the image is
 *             still marked as clean, the check takes that for damage, which
 *             is all right if it is repaired.
 */
char *disk_inspect(BlockBackend *blk, Model *model, uint64_t moment,
                   bool torn_root, unsigned *versions);

/* The power was cut, and what the disk has now will stay */
void disk_adopt_conv(BlockBackend *blk, Model *model);

/*
 * Whether the disk on @m can be used: a write, after a reset of the zone if
 * @reset, and a flush outlive a power cut if @cut, or a close.  @blk is given
 * up.
 */
char *disk_use(BlockBackend *blk, Medium *m, Model *model, bool reset,
               bool cut);

/*
 * Warnings and errors are of what the laboratory has done on purpose, and
 * nobody needs to read them.  Between these two none is printed.
 *
 * Returns what disk_loud() needs.
 */
int disk_quiet(void);
void disk_loud(int saved);

#endif /* TESTS_CRASH_DISK_H */
