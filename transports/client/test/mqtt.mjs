// A device by mqtt.js, for the tests in cmd/internal/app:
// node mqtt.mjs URL NAME VERSION [CA], where NAME is client and user, and CA a
// file with the certificate to trust. MQTT_PASSWORD is the password, if any.
//
// It subscribes to to/NAME/# and to its user's messages, and says on stdout, a
// line each, what happens: {"subscribed":true}, {"message":{…}},
// {"published":id}, {"closed":reason}. On stdin it takes what it is to publish.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import mqtt from "mqtt";

const [url, name, version, ca] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));
const v5 = version === "5";
const client = mqtt.connect(url, {
  clientId: name,
  username: name,
  ...(process.env.MQTT_PASSWORD ? { password: process.env.MQTT_PASSWORD } : {}),
  protocolVersion: Number(version),
  clean: false,
  keepalive: 30,
  reconnectPeriod: 100,
  ...(v5 ? { properties: { sessionExpiryInterval: 600 } } : {}),
  ...(ca ? { ca: readFileSync(ca) } : {}),
});
client.on("connect", ({ sessionPresent }) => {
  if (sessionPresent) return;
  client.subscribe({ [`to/${name}/#`]: { qos: 2 }, "users/me/messages": { qos: 1 } }, (err, granted) => {
    if (err || granted.some((g) => g.qos > 2)) say({ fault: `subscribe: ${err} ${JSON.stringify(granted)}` });
    say({ subscribed: true });
  });
});
client.on("message", (topic, payload, { qos, retain }) => say({ message: { topic, payload: payload.toString(), qos, retain } }));
client.on("disconnect", ({ reasonCode }) => say({ closed: reasonCode }));
client.on("error", (err) => {
  if (err.code !== "ECONNREFUSED" && err.code !== "ECONNRESET") say({ fault: String(err) });
});
createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { id, topic, payload, qos } = JSON.parse(line);
    client.publish(topic, payload, { qos }, (err) => say(err ? { fault: String(err) } : { published: id }));
  })
  .on("close", () => process.exit(0));
