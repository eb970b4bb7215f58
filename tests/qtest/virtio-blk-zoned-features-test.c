/*
 * QTest testcase for virtio-blk on a zoned disk: features and configuration,
 * drivers that may have the disk and drivers that may not
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "libqos/virtio-mmio.h"
#include "zoned-image.h"
#include "standard-headers/linux/virtio_config.h"

static void assert_config(Disk *d, bool zoned)
{
    g_assert_cmpint(d->dev->bus->config_readq(d->dev, 0), ==, DISK_SECTORS);
    for (int i = 60; i < 72; i++) {
        g_assert_cmphex(d->dev->bus->config_readb(d->dev, i), ==, 0);
    }
    g_assert_cmpint(config_l(d, 72), ==, zoned ? ZONE : 0);
    g_assert_cmpint(config_l(d, 76), ==, zoned ? 3 : 0);
    g_assert_cmpint(config_l(d, 80), ==, zoned ? 5 : 0);
    g_assert_cmpint(config_l(d, 84), ==, zoned ? MAX_APPEND : 0);
    g_assert_cmpint(config_l(d, 88), ==, zoned ? 4096 : 0);
    g_assert_cmphex(config_l(d, 92), ==, zoned ? 1 : 0);
    /* behind its end */
    g_assert_cmphex(config_l(d, 96), ==, UINT32_MAX);
}

static void test_config(void)
{
    Disk *d = disk_probe(image_new(IMAGE_SIZE, IMAGE_OPTIONS), ZONED_NODE, "");
    uint64_t features = qvirtio_get_features(d->dev);

    g_assert_cmphex(features & F_ZONED, !=, 0);
    g_assert_cmphex(features & F_DISCARD, ==, 0);
    g_assert_cmphex(features & F_WRITE_ZEROES, ==, 0);
    assert_config(d, true);
    disk_start(d, F_VERSION_1 | F_ZONED);
    assert_config(d, true);
    /* a driver can write to the whole space; only wce takes it */
    for (int i = 0; i < 96; i++) {
        qpci_io_writeb(d->pci->pdev, d->pci->bar,
                       d->pci->device_cfg_offset + i, i == 32 ? 1 : 0xff);
    }
    assert_config(d, true);
    disk_free(d);
}

static bool features_accepted(Disk *d, uint64_t features)
{
    QVirtioPCIDevice *pci = d->pci;

    qvirtio_start_device(d->dev);
    if (features & F_VERSION_1) {
        d->dev->bus->set_features(d->dev, features);
    } else {
        /* libqos knows no such driver; common configuration, 4.1.4.3 */
        for (int i = 0; i < 2; i++) {
            uint64_t base = pci->common_cfg_offset;

            qpci_io_writel(pci->pdev, pci->bar, base + 8, i);
            qpci_io_writel(pci->pdev, pci->bar, base + 12, features >> 32 * i);
        }
    }
    d->dev->bus->set_status(d->dev, d->dev->bus->get_status(d->dev) |
                            VIRTIO_CONFIG_S_FEATURES_OK);
    return d->dev->bus->get_status(d->dev) & VIRTIO_CONFIG_S_FEATURES_OK;
}

/* Every request is answered with an error */
static void assert_nothing_works(Disk *d)
{
    const uint8_t dwz[16] = { [0] = 2 * ZONE & 0xff, [1] = 2 * ZONE >> 8,
                              [8] = GRANULE };

    g_assert_cmpint(read_sectors(d, 0, GRANULE), ==, S_IOERR);
    g_assert_cmpint(write_sectors(d, 0, GRANULE), ==, S_IOERR);
    g_assert_cmpint(write_sectors(d, 2 * ZONE, GRANULE), ==, S_IOERR);
    g_assert_cmpint(zone_op(d, T_FLUSH, 0), ==, S_IOERR);
    g_assert_cmpint(run(d, (Request) { .type = T_GET_ID, .in_len = 20 }, NULL),
                    ==, S_IOERR);
    g_assert_cmpint(run(d, (Request) { .type = T_DISCARD, .out = dwz,
                                       .out_len = sizeof(dwz) }, NULL),
                    ==, S_UNSUPP);
    g_assert_cmpint(run(d, (Request) { .type = T_WRITE_ZEROES, .out = dwz,
                                       .out_len = sizeof(dwz) }, NULL),
                    ==, S_UNSUPP);
    for (int i = 0; i < ARRAY_SIZE(zone_requests); i++) {
        g_assert_cmpint(zone_op(d, zone_requests[i], 2 * ZONE), ==, S_UNSUPP);
    }
}

static void test_features_refused(void)
{
    Disk *d = disk_probe(image_new(IMAGE_SIZE, IMAGE_OPTIONS), ZONED_NODE, "");
    g_autofree char *before = NULL, *after = NULL;
    size_t before_len, after_len;

    before = image_contents(d->image, &before_len);
    g_assert_false(features_accepted(d, F_VERSION_1 | F_BLK_SIZE));
    g_assert_false(features_accepted(d, F_BLK_SIZE | F_ZONED));
    g_assert_false(features_accepted(d, 0));

    /* a driver that does not care */
    qvirtio_start_device(d->dev);
    d->dev->features = F_VERSION_1 | F_BLK_SIZE;
    d->dev->bus->set_features(d->dev, d->dev->features);
    d->dev->features_negotiated = true;
    d->vq = qvirtqueue_setup(d->dev, &d->alloc, 0);
    d->dev->bus->set_status(d->dev, d->dev->bus->get_status(d->dev) |
                            VIRTIO_CONFIG_S_DRIVER_OK);
    assert_nothing_works(d);
    assert_config(d, false);

    after = image_contents(d->image, &after_len);
    g_assert_cmpmem(before, before_len, after, after_len);

    qvirtqueue_cleanup(d->dev->bus, d->vq, &d->alloc);
    g_assert_true(features_accepted(d, F_VERSION_1 | F_ZONED));
    d->vq = NULL;
    disk_free(d);
}

/* The transport of microvm; its legacy interface is refused such a disk */
static void test_mmio(void)
{
    g_autofree char *image = image_new(IMAGE_SIZE, IMAGE_OPTIONS);
    QVirtioMMIODevice mmio = { 0 };
    uint64_t base = 0xfeb00000;
    Disk d = { .dev = &mmio.vdev };

    d.qts = qtest_initf("-machine microvm "
                        "-global virtio-mmio.force-legacy=off "
                        "-blockdev driver=file,node-name=file,filename=%s "
                        ZONED_NODE " -device virtio-blk-device,drive=disk",
                        image);
    alloc_init(&d.alloc, 0, 1024 * 1024, 64 * 1024 * 1024, 4096);
    /* slots are filled from the last one on */
    for (int i = 0; i < 32; i++) {
        if (qtest_readl(d.qts, base + i * 512 + 8) == 2) {
            base += i * 512;
            break;
        }
    }
    qvirtio_mmio_init_device(&mmio, d.qts, base, 4096);
    qvirtio_start_device(d.dev);
    g_assert_cmphex(qvirtio_get_features(d.dev) & F_ZONED, !=, 0);
    qvirtio_set_features(d.dev, F_VERSION_1 | F_ZONED);
    d.vq = qvirtqueue_setup(d.dev, &d.alloc, 0);
    /* libqos knows only the legacy place of the queue; virtio 1.3, 4.2.2 */
    qtest_writel(d.qts, base + 0x80, d.vq->desc);
    qtest_writel(d.qts, base + 0x90, d.vq->avail);
    qtest_writel(d.qts, base + 0xa0, d.vq->used);
    qtest_writel(d.qts, base + 0x44, 1);
    qvirtio_set_driver_ok(d.dev);

    g_assert_cmpint(write_sectors(&d, 2 * ZONE, GRANULE), ==, S_OK);
    g_assert_cmpint(zone_op(&d, T_FINISH, 3 * ZONE), ==, S_OK);
    assert_zone(&d, 2 * ZONE, ZS_IOPEN, 2 * ZONE + GRANULE);
    assert_zone(&d, 3 * ZONE, ZS_FULL, 0);

    qvirtqueue_cleanup(d.dev->bus, d.vq, &d.alloc);
    qtest_quit(d.qts);
    alloc_destroy(&d.alloc);
    unlink(image);
}

static void test_plain_disk(void)
{
    Disk *d = g_new0(Disk, 1);

    d->qts = qtest_initf("-machine pc -blockdev driver=null-co,node-name=disk,"
                         "read-zeroes=on,size=16777216 "
                         "-device virtio-blk-pci,drive=disk,addr=%d", PCI_SLOT);
    disk_find(d);
    g_assert_cmphex(qvirtio_get_features(d->dev) & F_ZONED, ==, 0);
    g_assert_cmphex(qvirtio_get_features(d->dev) & F_WRITE_ZEROES, !=, 0);
    disk_start(d, F_VERSION_1 | F_ZONED);
    /* the space ends where it did before there were zones */
    g_assert_cmphex(d->dev->bus->config_readb(d->dev, 56), ==, 1);
    g_assert_cmphex(d->dev->bus->config_readb(d->dev, 57), ==, UINT8_MAX);
    for (int i = 0; i < ARRAY_SIZE(zone_requests); i++) {
        g_assert_cmpint(zone_op(d, zone_requests[i], 0), ==, S_UNSUPP);
    }
    g_assert_cmpint(read_sectors(d, 0, 1), ==, S_OK);
    disk_free(d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    qtest_add_func("/virtio-blk-zoned/config", test_config);
    qtest_add_func("/virtio-blk-zoned/features-refused", test_features_refused);
    qtest_add_func("/virtio-blk-zoned/mmio", test_mmio);
    qtest_add_func("/virtio-blk-zoned/plain-disk", test_plain_disk);
    return g_test_run();
}
