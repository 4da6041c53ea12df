// Lists a cloud's regions and instances. Needs the .proto files, a configuration file, and nothing else of Stead.
//
//     npm ci
//     node list-instances.js [--config ~/.config/stead/config.toml]

import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";

import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";
import { parse } from "smol-toml";

const protos = fileURLToPath(new URL("../../../protos", import.meta.url));
const timeoutMs = 10_000;

function readConfig(path) {
  const config = parse(readFileSync(path, "utf8"));
  return { ...config, ca: config.ca ?? readFileSync(resolve(dirname(path), config.ca_file)) };
}

// TLS with the cloud's own CA; the token goes with every call.
function credentials({ ca, token }) {
  const bearer = grpc.credentials.createFromMetadataGenerator((_, callback) => {
    const metadata = new grpc.Metadata();
    metadata.set("authorization", `Bearer ${token}`);
    callback(null, metadata);
  });
  return grpc.credentials.combineChannelCredentials(grpc.credentials.createSsl(Buffer.from(ca)), bearer);
}

function connect(config) {
  const files = ["stead/v1/regions.proto", "stead/v1/instances.proto"];
  const definition = protoLoader.loadSync(files, { includeDirs: [protos], keepCase: true, longs: String, defaults: true });
  const { Regions, Instances } = grpc.loadPackageDefinition(definition).stead.v1;
  const options = { "grpc.enable_http_proxy": 0 }; // one's own machines are not behind a web proxy
  const [regions, instances] = [Regions, Instances].map(
    (Service) => new Service(config.endpoint, credentials(config), options),
  );
  return { regions, instances };
}

// A unary call as a promise, with a deadline.
function call(client, method, request) {
  const deadline = Date.now() + timeoutMs;
  return promisify(client[method]).call(client, request, new grpc.Metadata(), { deadline });
}

async function* allInstances(client) {
  let page_token = "";
  do {
    const page = await call(client, "DescribeInstances", { page_token });
    yield* page.instances;
    page_token = page.next_page_token;
  } while (page_token);
}

async function main() {
  const { values } = parseArgs({ options: { config: { type: "string" } } });
  const { regions, instances } = connect(readConfig(values.config ?? `${homedir()}/.config/stead/config.toml`));
  for (const region of (await call(regions, "DescribeRegions", {})).regions) {
    console.log(`region ${region.region_name}`);
  }
  for await (const instance of allInstances(instances)) {
    const { instance_id, instance_type, state, public_ip_address } = instance;
    console.log(`${instance_id}  ${instance_type}  ${state.name}  ${public_ip_address || "-"}`);
  }
}

main().catch((error) => {
  console.error(`${grpc.status[error.code] ?? "error"}: ${error.details ?? error.message}`);
  process.exitCode = 1;
});
