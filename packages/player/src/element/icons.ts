/** Icons as SVG, 24 × 24, drawn with the current colour. */
const svg = (content: string): string =>
  `<svg viewBox="0 0 24 24" aria-hidden="true" focusable="false" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round">${content}</svg>`;

const SPEAKER = `<path d="M4 9.5v5h3.2L12 18.5v-13L7.2 9.5z" fill="currentColor"/>`;

export const ICONS = {
  play: svg(
    `<path d="M8 5.2v13.6a.6.6 0 0 0 .9.5l10.6-6.8a.6.6 0 0 0 0-1L8.9 4.7a.6.6 0 0 0-.9.5z" fill="currentColor"/>`,
  ),
  pause: svg(`<path d="M8 5v14M16 5v14" stroke-width="3.4"/>`),
  loud: svg(`${SPEAKER}<path d="M15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11"/>`),
  muted: svg(`${SPEAKER}<path d="m16 9.5 5 5m0-5-5 5"/>`),
  stats: svg(`<path d="M5 19v-6M12 19V5M19 19v-9" stroke-width="2.6"/>`),
  enlarge: svg(`<path d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"/>`),
  shrink: svg(`<path d="M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5"/>`),
  offline: svg(
    `<path d="M5 12a10 10 0 0 1 3-2.2M12 8.6c2.700 0 5.200 1.100 7 3M8.300 15.400a5.200 5.200 0 0 1 6.700-.600M12 19h.01M4 4l16 16"/>`,
  ),
  failed: svg(`<circle cx="12" cy="12" r="8.500"/><path d="M12 7.500v5M12 16h.01"/>`),
} as const;
