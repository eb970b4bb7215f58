/*
 * Zoned images and machines that have them as disks, for tests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_QTEST_ZONED_IMAGE_H
#define TESTS_QTEST_ZONED_IMAGE_H

#include "zoned-disk.h"

/* The types of all zone requests */
#define NR_ZONE_REQUESTS 7
extern const int zone_requests[NR_ZONE_REQUESTS];

/*
 * The usual disk: 15.5 MiB, so that the last zone is smaller than the others
 * and than their capacity.  All sectors are 512 bytes.
 */
#define IMAGE_OPTIONS "zone_size=1M,zone_capacity=768K,conventional_zones=2," \
                      "max_open_zones=3,max_active_zones=5," \
                      "max_append_bytes=64K,write_granularity=4096"
#define IMAGE_SIZE    "15872K"
#define DISK_SECTORS  31744
#define NR_ZONES      16
#define ZONE          2048  /* sectors of a zone */
#define CAP           1536  /* sectors of a zone that can be written */
#define MAX_APPEND    128   /* sectors */
#define GRANULE       8     /* sectors */

#define ZONED_NODE    "-blockdev driver=zoned,node-name=disk,file=file"

#define QDEV_PATH     "/machine/peripheral/vd/virtio-backend"
#define BUFFER_SIZE   (1024 * 1024)

/* Make an image; its name is for disk_probe() */
char *image_new(const char *size, const char *options);

/* The bytes of a file */
char *image_contents(const char *path, size_t *len);

/* A machine whose disk has no driver yet; removes @image in the end */
Disk *disk_probe(char *image, const char *nodes, const char *device_options);

/* The usual disk, with a driver that knows zones */
Disk *disk_new_with(const char *device_options);
Disk *disk_new(void);

/* Sets @stats to those of the disk; they are in the reply, for the caller */
QDict *disk_stats(Disk *d, QDict **stats);

/* Statistic @name of the disk */
int64_t disk_stat(Disk *d, const char *name);

#endif /* TESTS_QTEST_ZONED_IMAGE_H */
