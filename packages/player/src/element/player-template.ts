import { ICONS } from "./icons.ts";

/** The element's shadow tree. Parts are for styling from outside, ids for the code beside. */
export const PLAYER_TEMPLATE = `
<div id="stage" part="stage" role="group" aria-label="Live video" tabindex="0">
  <canvas id="canvas" part="picture" role="img" aria-label="Live picture"></canvas>
  <video id="video" part="picture" playsinline hidden></video>
  <img id="poster" part="poster" alt="" hidden>
  <div id="message" part="message" hidden>
    <div id="spinner" class="spinner"></div>
    <div id="message-icon"></div>
    <div id="message-title" class="title"></div>
    <div id="message-detail" class="detail"></div>
    <button id="message-action" part="button action" type="button"></button>
  </div>
  <button id="start" part="button start" type="button" aria-label="Play" hidden>${ICONS.play}</button>
  <button id="unmute" part="button unmute" type="button" hidden>${ICONS.muted}<span>Tap for sound</span></button>
  <dl id="stats" part="stats" aria-label="Statistics" hidden></dl>
  <div id="controls" part="controls" role="toolbar" aria-label="Player controls" hidden>
    <button id="play" part="button" type="button" aria-label="Pause" title="Pause (k)"></button>
    <button id="mute" part="button" type="button" aria-label="Mute" title="Mute (m)"></button>
    <input id="volume" part="volume" type="range" min="0" max="1" step="0.02" aria-label="Volume">
    <div id="live" part="live"><i></i><b>LIVE</b><span id="latency"></span></div>
    <div class="space"></div>
    <select id="rendition" part="rendition" aria-label="Quality" hidden></select>
    <button id="stats-toggle" part="button" type="button" aria-label="Statistics" title="Statistics (s)" aria-pressed="false">${ICONS.stats}</button>
    <button id="fullscreen" part="button" type="button" aria-label="Full screen" title="Full screen (f)">${ICONS.enlarge}</button>
  </div>
  <div id="spoken" class="spoken" role="status" aria-live="polite"></div>
</div>`;
