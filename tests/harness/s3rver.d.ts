/** An S3-compatible server in Node.js; the package has no types. It knows one access key, and does not check signatures of version 4. */
declare module "s3rver" {
  export default class S3rver {
    constructor(options: {
      readonly address: string;
      readonly port: number;
      readonly silent: boolean;
      readonly directory: string;
      readonly configureBuckets?: readonly { readonly name: string }[];
    });
    /** Undefined while it does not run. */
    readonly httpServer: import("node:http").Server | undefined;
    run(): Promise<{ readonly address: string; readonly port: number }>;
    close(): Promise<void>;
  }
}
