/** Colours and sizes are custom properties (`--canopy-…`), which a page may set on the element. */
export const PLAYER_STYLE = `
:host {
  --_accent: var(--canopy-accent, #3ddc97);
  --_background: var(--canopy-background, #090b10);
  --_surface: var(--canopy-surface, rgb(16 19 27 / 0.78));
  --_text: var(--canopy-text, #f2f5fa);
  --_muted: var(--canopy-muted-text, #a4adbd);
  --_radius: var(--canopy-radius, 14px);
  display: block;
  position: relative;
  aspect-ratio: var(--canopy-aspect-ratio, 16 / 9);
  container-type: inline-size;
  overflow: hidden;
  border-radius: var(--_radius);
  background: radial-gradient(120% 140% at 50% 0%, #171c29 0%, var(--_background) 60%);
  color: var(--_text);
  font: 500 14px/1.4 var(--canopy-font, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif);
  -webkit-font-smoothing: antialiased;
}
:host([hidden]) { display: none; }
:host(:fullscreen) { border-radius: 0; }
*, *::before { box-sizing: border-box; }
[hidden] { display: none !important; }
#stage { position: absolute; inset: 0; outline: none; }
#stage:focus-visible::after {
  content: ""; position: absolute; inset: 0; border: 2px solid var(--_accent); border-radius: var(--_radius); pointer-events: none;
}
canvas, video, #poster { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; transition: filter .3s, opacity .3s; }
#poster { object-fit: cover; }
/* Not by a filter: beside the spinner it would be computed 60 times a second, on devices that stall for want of time. */
:host([data-state="stalled"]) #stage { background: #000; }
:host([data-state="stalled"]) canvas, :host([data-state="stalled"]) video { opacity: .5; }
:host([data-state="ended"]) canvas, :host([data-state="failed"]) canvas { filter: brightness(.25) blur(6px) saturate(.6); }
:host([data-state="idle"]) canvas { filter: brightness(.6); }

button, select, input { font: inherit; color: inherit; }
button {
  display: inline-flex; align-items: center; justify-content: center; gap: 8px;
  border: 0; background: none; padding: 0; cursor: pointer; border-radius: 10px;
  transition: background .15s, transform .15s;
}
button:focus-visible, select:focus-visible, input:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; }
svg { width: 22px; height: 22px; flex: none; }

#message {
  position: absolute; inset: 0; display: flex; flex-direction: column; align-items: center; justify-content: center;
  gap: 6px; padding: 24px 24px 40px; text-align: center; text-shadow: 0 1px 12px rgb(0 0 0 / .6); pointer-events: none;
}
#message > * { pointer-events: auto; }
.title { font-size: clamp(16px, 3.2cqw, 22px); font-weight: 650; letter-spacing: -.01em; }
.detail { color: var(--_muted); max-width: 44ch; text-wrap: balance; }
#message-icon { color: var(--_muted); margin-bottom: 4px; }
#message-icon svg { width: 40px; height: 40px; stroke-width: 1.4; }
#message-icon:empty, .detail:empty { display: none; }
#message-action { margin-top: 12px; padding: 10px 20px; background: var(--_accent); color: #06130d; font-weight: 650; border-radius: 999px; }
#message-action:hover { transform: translateY(-1px); }
.spinner {
  width: 38px; height: 38px; margin-bottom: 10px; border-radius: 50%;
  border: 3px solid rgb(255 255 255 / .16); border-top-color: var(--_accent);
  animation: turn .9s steps(27) infinite;
}
@keyframes turn { to { transform: rotate(1turn); } }

#start {
  position: absolute; inset: 0; margin: auto; width: 76px; height: 76px; border-radius: 50%;
  background: var(--_surface); backdrop-filter: blur(14px); box-shadow: 0 8px 32px rgb(0 0 0 / .4);
}
#start:hover { transform: scale(1.05); }
#start svg { width: 34px; height: 34px; }
#unmute {
  position: absolute; top: 16px; left: 16px; padding: 11px 18px 11px 14px; border-radius: 999px;
  background: #fff; color: #0b0e14; font-weight: 650; box-shadow: 0 6px 24px rgb(0 0 0 / .35);
}
#unmute:hover { transform: scale(1.03); }

#controls {
  position: absolute; inset: auto 0 0 0; display: flex; align-items: center; gap: 6px;
  padding: 44px 12px 10px; background: linear-gradient(to top, rgb(5 7 11 / .86), rgb(5 7 11 / .5) 50%, transparent);
  transition: opacity .25s, transform .25s;
}
#controls button { width: 40px; height: 40px; }
#controls button:hover { background: rgb(255 255 255 / .12); }
#controls button[aria-pressed="true"] { color: var(--_accent); }
:host([data-resting]) #controls { opacity: 0; transform: translateY(6px); pointer-events: none; }
:host([data-resting]) #stage { cursor: none; }
.space { flex: 1; }
#volume {
  appearance: none; width: 84px; height: 20px; margin: 0 6px 0 0; background: none; cursor: pointer;
}
#volume::-webkit-slider-runnable-track {
  height: 4px; border-radius: 2px;
  background: linear-gradient(to right, var(--_text) var(--_level, 100%), rgb(255 255 255 / .25) var(--_level, 100%));
}
#volume::-moz-range-track { height: 4px; border-radius: 2px; background: rgb(255 255 255 / .25); }
#volume::-moz-range-progress { height: 4px; border-radius: 2px; background: var(--_text); }
#volume::-webkit-slider-thumb { appearance: none; width: 14px; height: 14px; margin-top: -5px; border-radius: 50%; background: var(--_text); }
#volume::-moz-range-thumb { width: 14px; height: 14px; border: 0; border-radius: 50%; background: var(--_text); }
#live {
  display: inline-flex; align-items: center; gap: 7px; height: 28px; padding: 0 11px; border-radius: 999px;
  background: rgb(255 255 255 / .1); font-size: 12px; font-variant-numeric: tabular-nums; white-space: nowrap;
}
#live i { width: 8px; height: 8px; border-radius: 50%; background: var(--_muted); }
#live b { font-weight: 700; letter-spacing: .06em; }
#live span { color: var(--_muted); }
#live span:empty { display: none; }
:host([data-state="playing"]) #live i { background: #ff4d5e; box-shadow: 0 0 0 3px rgb(255 77 94 / .25); }
select {
  height: 32px; padding: 0 8px; border: 0; border-radius: 8px; background: rgb(255 255 255 / .1); font-size: 12px; cursor: pointer;
}
select option { color: #111; }

#stats {
  position: absolute; top: 16px; right: 16px; display: grid; grid-template-columns: auto 1fr; gap: 3px 14px; margin: 0;
  padding: 12px 16px; border-radius: 12px; background: var(--canopy-surface, rgb(16 19 27 / .88));
  border: 1px solid rgb(255 255 255 / .08); font-size: 12px; font-variant-numeric: tabular-nums; pointer-events: none;
  max-width: calc(100% - 32px);
}
#stats dt { color: var(--_muted); }
#stats dd { margin: 0; }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

@container (max-width: 460px) {
  #volume { display: none; }
  #stats { inset: 8px 8px auto 8px; max-width: none; max-height: calc(100% - 60px); overflow: hidden; font-size: 10.5px; line-height: 1.3; padding: 6px 10px; gap: 0 10px; }
  #controls { padding: 32px 6px 6px; gap: 2px; }
  #unmute { top: 10px; left: 10px; }
}
@media (prefers-reduced-motion: reduce) {
  *, *::before { transition: none !important; }
}
`;
