# The tiny image: a raw disk with an MBR, a vfat partition with syslinux for BIOS and UEFI, Debian's cloud kernel and an
# initramfs that only finds the root, then an ext4 partition with busybox, dropbear and what rootfs adds, grown to the
# disk at boot. Mounts nothing. For build-image, which sets `here` and `work`.

modules="virtio_pci virtio_blk virtio_net virtio_rng button evdev vfat nls_cp437 nls_ascii"
programs="/usr/sbin/dropbear /usr/bin/dropbearkey /usr/bin/dbclient /usr/sbin/resize2fs /usr/sbin/mke2fs"
export MTOOLS_SKIP_CHECK=1

# Sizes in MiB. The kernel needs 14 of the first partition; the root grows to the end of its disk at boot.
boot_start=1 boot_size=21 root_start=22 root_size=26

versions() {
    kernel_package
    dpkg-query --show busybox-static dropbear-bin syslinux syslinux-efi e2fsprogs libc6
}

# E.g. "linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)".
kernel_package() {
    apt-cache show --no-all-versions linux-image-cloud-amd64 | sed -n 's/^Depends: //p' | grep . ||
        fail "apt knows no linux-image-cloud-amd64; run apt-get update"
}

build() {
    local disk=$2 kernel
    kernel=$(kernel_package)
    unpack_kernel "${kernel%% *}"
    make_initramfs
    make_root
    make_disk "$disk"
}

unpack_kernel() {
    (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$1" && dpkg-deb -x ./*.deb kernel)
    # From Debian 13 on the package has its modules in /usr/lib, where /lib leads on an installed system.
    [ -d "$work/kernel/lib" ] || ln -s usr/lib "$work/kernel/lib"
    release=$(ls "$work/kernel/lib/modules")
    depmod -b "$work/kernel" "$release"
}

# install_modules TREE NAME...: these kernel modules and what they depend on.
install_modules() {
    local tree=$1
    shift
    (cd "$work/kernel" && modprobe --dirname . --set-version "$release" --show-depends --all "$@" |
        sed -n 's,^insmod .*/\(lib/modules/[^ ]*\).*,\1,p' | sort -u | xargs cp --parents --target-directory "$tree")
    cp "$work"/kernel/lib/modules/"$release"/modules.{order,builtin,builtin.modinfo} "$tree/lib/modules/$release/"
    depmod -b "$tree" "$release"
}

install_busybox() {
    mkdir -p "$1"/{bin,sbin,usr/bin,usr/sbin,dev,proc,sys,run,tmp,root,mnt,var/log}
    cp /bin/busybox "$1/bin/busybox"
    busybox --list-full | grep -v '/busybox$' | while read -r applet; do
        ln -s /bin/busybox "$1/$applet"
    done
}

make_initramfs() {
    local tree=$work/initramfs
    install_busybox "$tree"
    install_modules "$tree" virtio_pci virtio_blk
    install -m 755 "$here/image/tiny/initramfs-init" "$tree/init"
    (cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0 | gzip) >"$work/initrd.img"
}

make_root() {
    local tree=$work/root program
    install_busybox "$tree"
    install_modules "$tree" $modules
    for program in $programs; do
        rm -f "$tree$program" "$tree/sbin/${program##*/}"
        cp --parents "$program" "$tree"
        ldd "$program" | grep -o '/[^ ]*' | xargs cp --parents --dereference --target-directory "$tree"
    done
    ln -sf mke2fs "$tree/usr/sbin/mkfs.ext4"
    install -D -m 644 /etc/mke2fs.conf "$tree/etc/mke2fs.conf"
    cp -r "$here/image/tiny/rootfs/." "$tree"
    chmod 700 "$tree/root"
}

make_disk() {
    local disk=$1
    truncate --size $((root_start + root_size))M "$disk"
    sfdisk --quiet "$disk" <<TABLE
label: dos
start=${boot_start}MiB, size=${boot_size}MiB, type=c, bootable
start=${root_start}MiB, size=${root_size}MiB, type=83
TABLE
    dd if=/usr/lib/syslinux/mbr/mbr.bin of="$disk" bs=440 count=1 conv=notrunc status=none
    local boot=$disk@@${boot_start}M
    mformat -i "$boot" -v BOOT -T $((boot_size * 2048)) -H $((boot_start * 2048)) -h 64 -s 32 ::
    mcopy -i "$boot" "$work"/kernel/boot/vmlinuz-* ::vmlinuz
    mcopy -i "$boot" "$work/initrd.img" "$here/image/tiny/syslinux.cfg" ::
    syslinux --offset $((boot_start * 1024 * 1024)) --install "$disk"
    mmd -i "$boot" ::EFI ::EFI/BOOT
    mcopy -i "$boot" /usr/lib/SYSLINUX.EFI/efi64/syslinux.efi ::EFI/BOOT/BOOTX64.EFI
    mcopy -i "$boot" /usr/lib/syslinux/modules/efi64/ldlinux.e64 ::EFI/BOOT/
    # 4 KiB blocks and room in the descriptor table, since the file system grows with the disk that it is put on.
    mke2fs -q -t ext4 -L stead-root -b 4096 -d "$work/root" -E "offset=$((root_start * 1024 * 1024)),resize=16777216" \
        "$disk" "${root_size}M"
}
