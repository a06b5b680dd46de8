import assert from "node:assert/strict";
import { test } from "node:test";
import { parseStream } from "../src/sse.ts";

function parse(...pieces: string[]): { data: string[]; retry: number[] } {
  const seen = { data: [] as string[], retry: [] as number[] };
  const feed = parseStream((d) => seen.data.push(d), (ms) => seen.retry.push(ms));
  pieces.forEach(feed);
  return seen;
}

const stream =
  "\uFEFFretry: 3000\n\n: a comment\nid: c1\nevent: message\ndata: {\"a\":1}\n\n" +
  "data:no space\r\ndata:  two lines\r\n\r\ndata\rdata: x\r\revent: lonely\n\nretry: soon\n\ndata: cut off";
const want = { data: ['{"a":1}', "no space\n two lines", "\nx"], retry: [3000] };

test("a stream is parsed as WHATWG HTML 9.2.6 says", () => {
  assert.deepEqual(parse(stream), want);
});

test("pieces of every size give the same events", () => {
  for (let size = 1; size < stream.length; size++) {
    const pieces: string[] = [];
    for (let at = 0; at < stream.length; at += size) pieces.push(stream.slice(at, at + size));
    assert.deepEqual(parse(...pieces), want, `pieces of ${size}`);
  }
});

test("a line of several megabytes does not take quadratic time per event", () => {
  const long = "x".repeat(1 << 20);
  assert.equal(parse("data: " + long + "\n\n").data[0], long);
});
