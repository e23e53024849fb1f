"""Plays a broadcast by WHEP with aiortc until so many pictures and sounds were decoded: play.py <url> <frames>."""

import asyncio
import sys

from loopback import negotiate, tell

import aiohttp
from aiortc import RTCPeerConnection


async def main(url, wanted):
    pc = RTCPeerConnection()
    counts = {"video": 0, "audio": 0}
    facts = {}
    done = asyncio.Event()

    async def consume(track):
        while True:
            frame = await track.recv()
            counts[track.kind] += 1
            if track.kind == "video":
                facts["width"], facts["height"] = frame.width, frame.height
            else:
                samples = frame.to_ndarray()
                facts["loudest"] = max(facts.get("loudest", 0), int(abs(samples).max()))
            if min(counts.values()) >= wanted:
                done.set()

    tasks = []
    pc.on("track", lambda track: tasks.append(asyncio.ensure_future(consume(track))))
    pc.addTransceiver("video", direction="recvonly")
    pc.addTransceiver("audio", direction="recvonly")
    async with aiohttp.ClientSession() as session:
        resource = await negotiate(pc, session, url)
        await asyncio.wait_for(done.wait(), 40)
        tell(**counts, **facts)
        async with session.delete(resource) as response:
            tell(deleted=response.status)
    for task in tasks:
        task.cancel()
    await pc.close()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
