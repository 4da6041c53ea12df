# Debian as a cloud image: its packages, cloud-init among them, on one ext4 partition that GRUB boots. As in Debian's
# own cloud images the network is systemd's, and the first boot makes the host keys. For build-image, which sets `here`
# and `work`; mounts what mmdebstrap mounts.

packages="linux-image-cloud-amd64,grub-pc-bin,e2fsprogs,systemd-sysv,systemd-resolved,systemd-timesyncd,dbus,udev,
    cloud-init,cloud-guest-utils,openssh-server,sudo,iproute2,iputils-ping,ca-certificates"

# MiB. The file system grows to the end of its disk at boot.
root_start=1 root_size=1022

declare -A suites=([debian-12]=bookworm [debian-13]=trixie)

versions() {
    echo "${suites[$1]}"
}

build() {
    local name=$1 disk=$2
    [ "$(id -u)" = 0 ] || fail "run it as root: $name is made of files that belong to many users"
    tree=$work/root
    mmdebstrap --quiet --variant=apt --include="${packages//[[:space:]]/}" "${suites[$name]}" "$tree"
    make_first_boot
    make_disk "$disk"
}

# What an instance must have of its own, it makes at its first boot.
make_first_boot() {
    cp -r --remove-destination "$here/image/debian/rootfs/." "$tree"
    rm -f "$tree"/etc/ssh/ssh_host_*_key*
    ln -sf ../run/systemd/resolve/stub-resolv.conf "$tree/etc/resolv.conf"
    chroot "$tree" systemctl --quiet enable systemd-networkd systemd-resolved
}

make_disk() {
    local disk=$1 grub=$tree/usr/lib/grub/i386-pc
    truncate --size $((root_start + root_size + 1))M "$disk"
    sfdisk --quiet "$disk" <<TABLE
label: dos
start=${root_start}MiB, size=${root_size}MiB, type=83, bootable
TABLE
    # The boot record loads what follows it, up to the partition, without asking where it is: that is GRUB's default.
    chroot "$tree" grub-mkimage --format=i386-pc --prefix='(hd0,msdos1)/boot/grub' --output=/boot/grub/core.img \
        biosdisk part_msdos ext2 normal linux
    dd if="$grub/boot.img" of="$disk" bs=440 count=1 conv=notrunc status=none
    dd if="$tree/boot/grub/core.img" of="$disk" bs=512 seek=1 conv=notrunc status=none
    # Without what Debian 12's GRUB can't read. Room in the descriptor table, since the file system grows with its disk.
    mke2fs -q -t ext4 -L root -d "$tree" -O ^metadata_csum_seed,^orphan_file \
        -E "offset=$((root_start * 1024 * 1024)),resize=268435456" "$disk" "${root_size}M"
}
