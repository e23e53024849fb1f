"""Publishes a media file by WHIP with aiortc until it is interrupted: publish.py <file> <url>."""

import asyncio
import signal
import sys

from loopback import negotiate, tell

import aiohttp
from aiortc import RTCPeerConnection, RTCRtpSender
from aiortc.contrib.media import MediaPlayer


async def main(path, url):
    interrupted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted.set)
    pc = RTCPeerConnection()
    player = MediaPlayer(path, loop=True)
    for track in (player.video, player.audio):
        if track is not None:
            pc.addTransceiver(track, direction="sendonly")
    h264 = [c for c in RTCRtpSender.getCapabilities("video").codecs if c.mimeType == "video/H264"]
    for transceiver in pc.getTransceivers():
        if transceiver.kind == "video":
            transceiver.setCodecPreferences(h264)
    async with aiohttp.ClientSession() as session:
        resource = await negotiate(pc, session, url)
        tell(publishing=resource)
        await interrupted.wait()
        async with session.delete(resource) as response:
            tell(deleted=response.status)
    await pc.close()


asyncio.run(main(sys.argv[1], sys.argv[2]))
