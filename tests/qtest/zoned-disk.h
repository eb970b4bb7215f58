/*
 * A driver of zoned virtio-blk disks, for tests
 *
 * The numbers of the protocol are written down here a second time on purpose.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_QTEST_ZONED_DISK_H
#define TESTS_QTEST_ZONED_DISK_H

#include "libqtest.h"
#include "libqos/malloc-pc.h"
#include "libqos/pci-pc.h"
#include "libqos/virtio-pci.h"

#define F_BLK_SIZE     (1ULL << 6)
#define F_FLUSH        (1ULL << 9)
#define F_DISCARD      (1ULL << 13)
#define F_WRITE_ZEROES (1ULL << 14)
#define F_ZONED        (1ULL << 17)
#define F_VERSION_1    (1ULL << 32)

enum {
    T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11,
    T_WRITE_ZEROES = 13, T_APPEND = 15, T_REPORT = 16, T_OPEN = 18,
    T_CLOSE = 20, T_FINISH = 22, T_RESET = 24, T_RESET_ALL = 26,
};

enum {
    S_OK, S_IOERR, S_UNSUPP, S_INVALID_CMD, S_UNALIGNED_WP, S_OPEN_RESOURCE,
    S_ACTIVE_RESOURCE, S_NONE = 0xff,
};

enum {
    ZS_NOT_WP = 0, ZS_EMPTY = 1, ZS_IOPEN = 2, ZS_EOPEN = 3, ZS_CLOSED = 4,
    ZS_RDONLY = 13, ZS_FULL = 14, ZS_OFFLINE = 15,
};

enum { ZT_CONV = 1, ZT_SWR = 2, ZT_SWP = 3 };

#define SECTOR        512
#define REPORT_HEADER 64
#define REPORT_ZONE   64

#define PCI_SLOT      4

/* What the guest finds in memory where nothing is written */
#define FILL          0xa5

typedef struct Disk {
    QTestState *qts;
    QGuestAllocator alloc;
    QPCIBus *pcibus;
    QVirtioPCIDevice *pci;
    QVirtioDevice *dev;
    QVirtQueue *vq;
    char *image;
} Disk;

/*
 * A request as the driver lays it out.  What the device writes is @in_len
 * bytes and then the status.  Headers, data and status have descriptors of
 * their own, if not:
 *
 * @step: everything is cut into descriptors of this size
 * @in_step: what the device writes is cut into descriptors of this size
 */
typedef struct Request {
    uint32_t type;
    uint64_t sector;
    const void *out;
    size_t out_len;
    size_t in_len;
    size_t step;
    size_t in_step;
    /* set by submit() */
    uint64_t addr;
    uint32_t head;
    /* set by complete() */
    uint8_t status;
    uint32_t used_len;
} Request;

typedef struct Zone {
    uint64_t cap, start, wp;
    uint8_t type, state;
} Zone;

/* Find the virtio-blk device in slot PCI_SLOT of @d->qts, and reset it */
void disk_find(Disk *d);

/* Be a driver that accepts @features; the disk is ready then */
void disk_start(Disk *d, uint64_t features);

/* End the machine; the image, if there is one, is removed */
void disk_free(Disk *d);

/* Make @r available to the device, which is not told yet */
void submit(Disk *d, Request *r);

/* Tell the device of what is available */
void kick(Disk *d);

bool is_running(Disk *d);

/* Resume the machine */
void go_on(Disk *d);

/* Wait for @n requests, in whatever order they complete */
void complete(Disk *d, Request *requests, int n);

/* The same, while the machine may stop, and is told to go on each time */
void complete_and_resume(Disk *d, Request *requests, int n);

/* Copy what the device wrote, without the status */
void request_in(Disk *d, const Request *r, void *in);

/* Give the memory of @r back */
void request_done(Disk *d, Request *r);

/* One request from start to end; returns its status */
int run(Disk *d, Request r, void *in);

/* The same for a request without data */
int zone_op(Disk *d, int type, uint64_t sector);

int write_sectors(Disk *d, uint64_t sector, uint32_t sectors);

int read_sectors(Disk *d, uint64_t sector, uint32_t sectors);

/* @where is set to what the device leaves in append_sector */
int append_bytes(Disk *d, uint64_t sector, size_t bytes, uint64_t *where);

int append(Disk *d, uint64_t sector, uint32_t sectors);

/* A zone of a report */
Zone decode_zone(const uint8_t *p);

Zone get_zone(Disk *d, uint64_t sector);

/* @wp does not count for zones that have no write pointer */
void assert_zone(Disk *d, uint64_t sector, int state, uint64_t wp);

/* 32 bits of the configuration space */
uint32_t config_l(Disk *d, int offset);

#endif /* TESTS_QTEST_ZONED_DISK_H */
