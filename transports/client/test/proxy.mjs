// A proxy that compresses what it can, as many a development server and gateway
// does: express with compression in front of http-proxy-middleware.
//
//   node test/proxy.mjs http://127.0.0.1:7777
//
// It prints the port that it listens on, and ends with its standard input.
import compression from "compression"
import express from "express"
import { createProxyMiddleware } from "http-proxy-middleware"

const app = express()
app.use(compression({ threshold: 0 }))
app.use(createProxyMiddleware({ target: process.argv[2], changeOrigin: true, ws: true, secure: false }))
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port))
process.stdin.on("end", () => process.exit(0)).resume()
