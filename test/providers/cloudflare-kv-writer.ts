/** The process that the conformance suite kills while it writes to KV over REST. Its argument says where. */
import { cloudflareKv } from '../../providers/cloudflare-kv.ts';
import { runWriter } from '../../providers/conformance/writer.ts';

const { namespaceId, apiToken, frontUrl, prefix } = JSON.parse(process.argv[2] ?? '') as Record<string, string>;
await runWriter(() =>
  cloudflareKv({ accountId: 'any', namespaceId: namespaceId!, apiToken: apiToken!, baseUrl: frontUrl!, prefix: prefix! }),
);
