import { openPage } from "../shell/page-shell.ts";

openPage("/publish/");
