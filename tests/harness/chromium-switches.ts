/** What Playwright disables itself: of two switches of one name Chromium takes the last one. */
const DISABLED_BY_PLAYWRIGHT = [
  "AvoidUnnecessaryBeforeUnloadCheckSync",
  "DestroyProfileOnBrowserClose",
  "HttpsUpgrades",
  "HttpsFirstBalancedModeAutoEnable",
  "LensOverlay",
  "MediaRouter",
  "PaintHolding",
  "ThirdPartyStoragePartitioning",
  "AvoidCorsURLLoaderRestartOnRedirect",
  "OptimizationHints",
  "NetworkTimeServiceQuerying",
  "AimEnabled",
  "PreconnectToSearch",
];

/**
 * With each window Chromium loads the address bar's suggestions, a page in a process of its own: a second of a core at
 * the moment in which the page that a test looks at begins.
 */
const UNUSED = ["WebUIOmniboxPopup", "WebUIOmniboxAimPopup"];

/** QUIC stays enabled: WebTransport is what most of these tests are about. */
const SWITCHES = [
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
];

/** Command line of a test's Chromium; `disabledFeatures` are of `--disable-features`. */
export function chromiumSwitches(disabledFeatures: readonly string[] = []): string[] {
  const features = [...DISABLED_BY_PLAYWRIGHT, ...UNUSED, ...disabledFeatures];
  return [...SWITCHES, `--disable-features=${features.join(",")}`];
}
