/*
 * A driver of zoned virtio-blk disks, for tests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qapi/qmp/qdict.h"
#include "zoned-disk.h"
#include "standard-headers/linux/virtio_config.h"

#define TIMEOUT_US (30 * 1000 * 1000)

/* The machine */

void disk_find(Disk *d)
{
    QPCIAddress addr = { .devfn = QPCI_DEVFN(PCI_SLOT, 0) };

    pc_alloc_init(&d->alloc, d->qts, 0);
    d->pcibus = qpci_new_pc(d->qts, &d->alloc);
    d->pci = virtio_pci_new(d->pcibus, &addr);
    g_assert_nonnull(d->pci);
    qvirtio_pci_device_enable(d->pci);
    d->dev = &d->pci->vdev;
    qvirtio_start_device(d->dev);
}

void disk_start(Disk *d, uint64_t features)
{
    qvirtio_set_features(d->dev, features);
    d->vq = qvirtqueue_setup(d->dev, &d->alloc, 0);
    qvirtio_set_driver_ok(d->dev);
}

void disk_free(Disk *d)
{
    if (d->vq) {
        qvirtqueue_cleanup(d->dev->bus, d->vq, &d->alloc);
    }
    if (d->pci) {
        qvirtio_pci_device_disable(d->pci);
        g_free(d->pci->pdev);
        g_free(d->pci);
        qpci_free_pc(d->pcibus);
    }
    alloc_destroy(&d->alloc);
    qtest_quit(d->qts);
    if (d->image) {
        unlink(d->image);
        g_free(d->image);
    }
    g_free(d);
}

/* Requests */

static uint64_t add_descriptors(Disk *d, uint64_t addr, size_t len, size_t step,
                                bool write, bool last)
{
    while (len) {
        size_t n = step ? MIN(step, len) : len;

        len -= n;
        qvirtqueue_add(d->qts, d->vq, addr, n, write, len || !last);
        addr += n;
    }
    return addr;
}

void submit(Disk *d, Request *r)
{
    uint8_t header[16] = { 0 };
    size_t in_size = r->in_len + 1;
    QVirtQueue *vq = d->vq;
    uint16_t idx = qtest_readw(d->qts, vq->avail + 2);
    uint64_t in;

    stl_le_p(header, r->type);
    stq_le_p(header + 8, r->sector);
    r->addr = guest_alloc(&d->alloc, sizeof(header) + r->out_len + in_size);
    qtest_memwrite(d->qts, r->addr, header, sizeof(header));
    if (r->out) {
        qtest_bufwrite(d->qts, r->addr + sizeof(header), r->out, r->out_len);
    } else {
        qtest_memset(d->qts, r->addr + sizeof(header), 0x5a, r->out_len);
    }
    qtest_memset(d->qts, r->addr + sizeof(header) + r->out_len, FILL, in_size);
    qtest_writeb(d->qts, r->addr + sizeof(header) + r->out_len + r->in_len,
                 S_NONE);

    r->head = vq->free_head;
    if (r->step) {
        in = add_descriptors(d, r->addr, sizeof(header) + r->out_len, r->step,
                             false, false);
        add_descriptors(d, in, in_size, r->step, true, true);
    } else {
        in = add_descriptors(d, r->addr, sizeof(header), 0, false, false);
        in = add_descriptors(d, in, r->out_len, 0, false, false);
        if (!r->in_step) {
            in = add_descriptors(d, in, r->in_len, 0, true, false);
            in_size = 1;
        }
        add_descriptors(d, in, in_size, r->in_step, true, true);
    }

    /* an index into the ring of a split virtqueue */
    qtest_writew(d->qts, vq->avail + 4 + 2 * (idx % vq->size), r->head);
    qtest_writew(d->qts, vq->avail + 2, idx + 1);
}

void kick(Disk *d)
{
    d->dev->bus->virtqueue_kick(d->dev, d->vq);
}

static Request *request_of(Request *requests, int n, uint32_t head)
{
    for (int i = 0; i < n; i++) {
        if (requests[i].head == head) {
            return &requests[i];
        }
    }
    g_assert_not_reached();
}

bool is_running(Disk *d)
{
    QDict *reply = qtest_qmp(d->qts, "{ 'execute': 'query-status' }");
    bool running = qdict_get_bool(qdict_get_qdict(reply, "return"), "running");

    qobject_unref(reply);
    return running;
}

void go_on(Disk *d)
{
    qobject_unref(qtest_qmp(d->qts, "{ 'execute': 'cont' }"));
}

/* One of @n requests, if one has completed */
static bool complete_one(Disk *d, Request *requests, int n)
{
    uint32_t head, len;
    Request *r;

    if (!qvirtqueue_get_buf(d->qts, d->vq, &head, &len)) {
        return false;
    }
    r = request_of(requests, n, head);
    r->status = qtest_readb(d->qts, r->addr + 16 + r->out_len + r->in_len);
    r->used_len = len;
    return true;
}

static void do_complete(Disk *d, Request *requests, int n, bool resume)
{
    gint64 start = g_get_monotonic_time();
    int done = 0;

    while (done < n) {
        qtest_clock_step(d->qts, 100);
        g_assert_cmpint(g_get_monotonic_time() - start, <=, TIMEOUT_US);
        if (complete_one(d, requests, n)) {
            done++;
        } else if (resume && !is_running(d)) {
            go_on(d);
        }
    }
    /* libqos does not recycle descriptors */
    d->vq->num_free += d->vq->free_head;
    d->vq->free_head = 0;
}

void complete(Disk *d, Request *requests, int n)
{
    do_complete(d, requests, n, false);
}

void complete_and_resume(Disk *d, Request *requests, int n)
{
    do_complete(d, requests, n, true);
}

void request_in(Disk *d, const Request *r, void *in)
{
    qtest_memread(d->qts, r->addr + 16 + r->out_len, in, r->in_len);
}

void request_done(Disk *d, Request *r)
{
    guest_free(&d->alloc, r->addr);
}

int run(Disk *d, Request r, void *in)
{
    submit(d, &r);
    kick(d);
    complete(d, &r, 1);
    if (in) {
        request_in(d, &r, in);
    }
    request_done(d, &r);
    return r.status;
}

int zone_op(Disk *d, int type, uint64_t sector)
{
    return run(d, (Request) { .type = type, .sector = sector }, NULL);
}

int write_sectors(Disk *d, uint64_t sector, uint32_t sectors)
{
    return run(d, (Request) { .type = T_OUT, .sector = sector,
                              .out_len = sectors * SECTOR }, NULL);
}

int read_sectors(Disk *d, uint64_t sector, uint32_t sectors)
{
    return run(d, (Request) { .type = T_IN, .sector = sector,
                              .in_len = sectors * SECTOR }, NULL);
}

int append_bytes(Disk *d, uint64_t sector, size_t bytes, uint64_t *where)
{
    uint8_t in[8];
    int status = run(d, (Request) { .type = T_APPEND, .sector = sector,
                                    .out_len = bytes, .in_len = 8 }, in);

    *where = ldq_le_p(in);
    return status;
}

int append(Disk *d, uint64_t sector, uint32_t sectors)
{
    uint64_t where;

    return append_bytes(d, sector, sectors * SECTOR, &where);
}

Zone decode_zone(const uint8_t *p)
{
    for (int i = 26; i < REPORT_ZONE; i++) {
        g_assert_cmphex(p[i], ==, 0);
    }
    return (Zone) { ldq_le_p(p), ldq_le_p(p + 8), ldq_le_p(p + 16),
                    p[24], p[25] };
}

Zone get_zone(Disk *d, uint64_t sector)
{
    uint8_t in[REPORT_HEADER + REPORT_ZONE];

    g_assert_cmpint(run(d, (Request) { .type = T_REPORT, .sector = sector,
                                       .in_len = sizeof(in) }, in), ==, S_OK);
    g_assert_cmpint(ldq_le_p(in), ==, 1);
    return decode_zone(in + REPORT_HEADER);
}

void assert_zone(Disk *d, uint64_t sector, int state, uint64_t wp)
{
    Zone z = get_zone(d, sector);

    g_assert_cmpint(z.start, ==, sector);
    g_assert_cmpint(z.state, ==, state);
    if (state != ZS_NOT_WP && state != ZS_FULL) {
        g_assert_cmpint(z.wp, ==, wp);
    }
}

uint32_t config_l(Disk *d, int offset)
{
    return d->dev->bus->config_readl(d->dev, offset);
}
