/** A WHEP edge inside the page: a peer connection of the same browser, which knows ICE restarts. */
export class PageEdge {
  readonly requests: string[] = [];
  #peer: RTCPeerConnection | undefined;
  #offer = "";
  #isFirst = true;

  /** Answers what belongs to WHEP; the first answer holds no candidate, as if it were behind a firewall. */
  readonly fetch: typeof fetch = async (input, init) => {
    const url = String(input);
    if (url.endsWith("/v1/time")) {
      return Response.json({ unixMicros: Math.round((performance.timeOrigin + performance.now()) * 1000) });
    }
    const method = init?.method ?? "GET";
    this.requests.push(`${method} ${new Headers(init?.headers).get("if-match") ?? "-"}`);
    const body = String(init?.body ?? "");
    if (method === "POST") return this.#onOffer(body);
    if (method === "PATCH") return this.#onPatch(body);
    this.#peer?.close();
    return new Response(null, { status: 200 });
  };

  async #onOffer(offer: string): Promise<Response> {
    const peer = new RTCPeerConnection();
    this.#peer = peer;
    this.#offer = offer;
    for (const track of movingPicture().getTracks()) peer.addTrack(track);
    // Our own candidates are kept from it, too.
    const bare = offer.replaceAll(/^a=candidate:[^\r\n]*\r\n/gm, "");
    await peer.setRemoteDescription({ type: "offer", sdp: bare });
    const sdp = (await this.#answer(peer)).replaceAll(/^a=candidate:[^\r\n]*\r\n/gm, "");
    return new Response(sdp, {
      status: 201,
      headers: { location: "/whep/live/test/1", etag: '"1"', link: '<stun:127.0.0.1:9>; rel="ice-server"' },
    });
  }

  async #onPatch(fragment: string): Promise<Response> {
    const peer = this.#peer;
    const ufrag = /a=ice-ufrag:\S+/.exec(fragment)?.[0] ?? "";
    if (peer === undefined || this.#offer.includes(ufrag)) {
      const trickled = this.#isFirst ? [] : (fragment.match(/^a=candidate:[^\r\n]*/gm) ?? []);
      for (const line of trickled) await peer?.addIceCandidate({ candidate: line.slice(2), sdpMid: "0" });
      return new Response(null, { status: 204 });
    }
    const pwd = /a=ice-pwd:\S+/.exec(fragment)?.[0] ?? "";
    const candidates = fragment.match(/^a=candidate:[^\r\n]*/gm) ?? [];
    const sdp = this.#offer
      .replaceAll(/^a=candidate:[^\r\n]*\r\n/gm, "")
      .replaceAll(/a=ice-ufrag:\S+/g, ufrag)
      .replaceAll(/a=ice-pwd:\S+/g, pwd)
      .replace(/a=mid:0\r\n/, (line) => [line.trim(), ...candidates, ""].join("\r\n"));
    this.#offer = sdp;
    await peer.setRemoteDescription({ type: "offer", sdp });
    const answer = await this.#answer(peer);
    const lines = [
      /a=ice-ufrag:\S+/.exec(answer)?.[0],
      /a=ice-pwd:\S+/.exec(answer)?.[0],
      "m=video 9 UDP/TLS/RTP/SAVPF 0",
      "a=mid:0",
      ...(answer.match(/^a=candidate:[^\r\n]*/gm) ?? []),
    ];
    this.#isFirst = false;
    return new Response(`${lines.join("\r\n")}\r\n`, {
      status: 200,
      headers: { etag: '"2"', "content-type": "application/trickle-ice-sdpfrag" },
    });
  }

  get wasRestarted(): boolean {
    return !this.#isFirst;
  }

  async #answer(peer: RTCPeerConnection): Promise<string> {
    await peer.setLocalDescription(await peer.createAnswer());
    // After a restart the state is that of the generation before for a moment.
    await new Promise((resolve) => setTimeout(resolve, 100));
    while (peer.iceGatheringState !== "complete") await new Promise((resolve) => setTimeout(resolve, 20));
    return peer.localDescription?.sdp ?? "";
  }
}

function movingPicture(): MediaStream {
  const canvas = document.createElement("canvas");
  canvas.width = 320;
  canvas.height = 180;
  const context = canvas.getContext("2d");
  let count = 0;
  setInterval(() => {
    count += 1;
    if (context === null) return;
    context.fillStyle = `hsl(${(count * 7) % 360} 70% 50%)`;
    context.fillRect(0, 0, 320, 180);
  }, 40);
  return canvas.captureStream(25);
}
