#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Makes what a QEMU test guest boots from: guest-image.sh FOLDER
# leaves FOLDER/vmlinuz (Debian's cloud kernel, unpacked, never installed) and FOLDER/initrd.gz
# (busybox, the virtio network modules, test/conform/ovs/guest-init.sh). The kernel is kept there
# between runs, the initrd is made anew.
set -eu

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$here/../conform/ovs
mkdir -p "$1"
folder=$(cd "$1" && pwd)
modules=(net/core/failover drivers/net/net_failover drivers/virtio/virtio drivers/virtio/virtio_ring
    drivers/virtio/virtio_pci_modern_dev drivers/virtio/virtio_pci_legacy_dev
    drivers/virtio/virtio_pci drivers/net/virtio_net)
order='failover net_failover virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev
virtio_pci virtio_net'

fetch_kernel() {
    local package fetched=$folder/fetch
    package=$(apt-cache depends linux-image-cloud-amd64 |
        sed -n 's/.*Depends: \(linux-image-[^ ]*-cloud-amd64\)$/\1/p' | sort -V | tail -n 1)
    [ -n "$package" ] || { echo "no cloud kernel in the package lists" >&2; return 1; }
    rm -rf "$fetched" && mkdir "$fetched"
    (cd "$fetched" && apt-get -q -o APT::Sandbox::User=root -o Acquire::Retries=5 \
        download "$package")
    dpkg -x "$fetched"/linux-image-*.deb "$fetched/root"
    rm -rf "$folder/modules" && mkdir "$folder/modules"
    local module
    for module in "${modules[@]}"; do
        cp "$fetched"/root/lib/modules/*/kernel/"$module".ko "$folder/modules/"
    done
    mv "$fetched"/root/boot/vmlinuz-* "$folder/vmlinuz"
    rm -rf "$fetched"
}

make_initrd() {
    local root
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    mkdir -p "$root/bin" "$root/modules"
    cp /bin/busybox "$root/bin/busybox"
    cp "$folder"/modules/*.ko "$root/modules/"
    printf '%s\n' $order >"$root/modules/order"
    cp "$source/guest-init.sh" "$root/init"
    gcc -O2 -static -Wall -Wextra -Werror -o "$root/bin/offload" "$source/offload.c"
    chmod 755 "$root/init"
    (cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$folder/initrd.gz.new"
    mv "$folder/initrd.gz.new" "$folder/initrd.gz"
    rm -rf "$root"
    trap - EXIT
}

[ -s "$folder/vmlinuz" ] || fetch_kernel
make_initrd
