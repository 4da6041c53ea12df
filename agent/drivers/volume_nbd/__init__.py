"""Volumes as raw files on a filesystem that clones, and their exports over NBD: with mutual TLS, or locally.

settings        what an operator may set
pool            sets a pool up and takes it down; a command line of its own
identity        which pool this is
blank           whether a device is blank, before anything is made on it
files           volumes, images and epochs in a pool: the blocking code
images          the cache of images that volumes are cloned from
driver          NbdStorageDriver: volumes and exports
volumes         its verbs for volumes
storage_daemon  the command line of one qemu-storage-daemon: pure
dh_params       spares each daemon 0.3 s of arithmetic
sockets         listening ones, which daemons inherit
qmp             what changes of an export while it is open
pulses          which daemons hang
records         what is known on disk of each export
holders         who has volumes open, whatever the records say
room            what is taken of a pool, and what gives way
trash           deleted volumes
exports         its verbs for exports
"""

from agent.drivers.volume_nbd.driver import NbdStorageDriver

__all__ = ["NbdStorageDriver"]
