"""Volumes as raw files on a filesystem that clones, and their exports over NBD: with mutual TLS, or locally.

    settings        what an operator may set
    pool            sets a pool up and takes it down; a command line of its own
    identity        which pool this is
    blank           whether a device is blank, before anything is made on it
    files           volumes, images and epochs in a pool: the blocking code
    images          the cache of images that volumes are cloned from
    volumes         NbdVolumeDriver
    storage_daemon  the command line of one qemu-storage-daemon: pure
    dh_params       spares each daemon 0.3 s of arithmetic
    records         what is known on disk of each export
    holders         who has volumes open, whatever the records say
    room            what is taken of a pool, and what gives way
    trash           deleted volumes
    exports         NbdExportDriver

The two drivers share the pool and nothing else: a lock on a volume's file tells either that the other is at it.
"""

from agent.drivers.volume_nbd.exports import NbdExportDriver
from agent.drivers.volume_nbd.volumes import NbdVolumeDriver

__all__ = ["NbdExportDriver", "NbdVolumeDriver"]
