// tus-js-client: node tus_js.mjs URL FILE SHA256
import { createReadStream, statSync } from "node:fs";
import { Upload } from "tus-js-client";

const [url, file, sha256] = process.argv.slice(2);
new Upload(createReadStream(file), {
  endpoint: url,
  uploadSize: statSync(file).size,
  chunkSize: 64 * 1024 * 1024,
  retryDelays: null,
  metadata: { filename: "segment", sha256 },
  onError: (error) => {
    console.error(String(error));
    process.exit(1);
  },
}).start();
