"""Proof that KVM runs guests, and runs them fast: a device node that opens says neither.

Where KVM is itself emulated, firmware may start and a kernel crawl. So the proof is a guest that has to count before
it speaks, which takes a real processor some 30 ms and an emulated one minutes.
"""

import tempfile

from agent.host import process

# A boot sector, in real mode: count down from 2^26, then write 0x10 to the debug-exit port, which ends QEMU.
#   mov ecx, 0x4000000;  1: dec ecx;  jnz 1b;  mov al, 0x10;  out 0xf4, al;  2: jmp 2b
BOOT_SECTOR = bytes.fromhex("66b900000004 6649 75fc b010 e6f4 ebfe").ljust(510, b"\0") + b"\x55\xaa"
SIGN_OF_LIFE = (0x10 << 1) | 1  # Exit code that QEMU's isa-debug-exit makes of it.
DEADLINE_S = 2.0  # Some twenty times what it takes: a busy machine must not lose KVM until its next boot.


async def is_proven() -> bool:
    """Whether a guest shows its sign of life in time."""
    with tempfile.NamedTemporaryFile(prefix="stead-kvm-", suffix=".img") as boot_disk:
        boot_disk.write(BOOT_SECTOR)
        boot_disk.flush()
        machine = ["-machine", "pc,accel=kvm", "-cpu", "max", "-m", "16"]
        drive = ["-drive", f"file={boot_disk.name},format=raw,if=ide,snapshot=on"]
        life = ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
        bare = ["-nodefaults", "-no-user-config", "-display", "none"]
        try:
            await process.run("qemu-system-x86_64", *bare, *machine, *drive, *life, timeout_s=DEADLINE_S)
        except process.CommandFailed as end:
            return end.exit_code == SIGN_OF_LIFE
    return False
