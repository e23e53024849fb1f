/** The file that other sites load: registers `<canopy-player>` and exports the same API as the package. */
import "@canopy/player/define";

export * from "@canopy/player";
