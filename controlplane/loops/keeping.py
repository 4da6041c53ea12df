"""Keeps the authorities' files: what an operator deletes by mistake would be missed at the next start."""

import asyncio

import structlog

from controlplane.authorities import Authorities, AuthorityFiles

# Shorter: nothing gained. Longer: a restart meanwhile finds them gone.
INTERVAL_S = 10


async def run(files: AuthorityFiles, authorities: Authorities) -> None:
    """For ever."""
    log = structlog.get_logger()
    while True:
        try:
            for told in await asyncio.to_thread(files.keep, authorities):
                log.warning("the authority's files were changed", told=told)
        except OSError as error:
            log.warning("the authority's files can't be kept", error=str(error))
        await asyncio.sleep(INTERVAL_S)
