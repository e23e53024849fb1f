"""What the two programs share: aiortc on loopback, and one line of JSON per thing that happened."""

import json
import sys

import aioice.ice
from aiortc import RTCSessionDescription
from yarl import URL

# aioice leaves loopback out, and a machine without a network has nothing else.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


def tell(**facts):
    print(json.dumps(facts), flush=True)


async def negotiate(pc, session, url):
    """Posts the offer with all candidates (RFC 9725 section 4.2) and returns the session's URL."""
    await pc.setLocalDescription(await pc.createOffer())
    headers = {"content-type": "application/sdp"}
    async with session.post(url, data=pc.localDescription.sdp, headers=headers) as response:
        answer = await response.text()
        if response.status != 201:
            tell(refused=response.status, problem=answer)
            sys.exit(3)
        await pc.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
        return str(response.url.join(URL(response.headers["location"])))
