// The tus face of uploadx: node uploadx.cjs FOLDER PORT [readable]. Says where it listens on its first line.
// `readable`: its files may be read by GET, which it does not offer by itself.
const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const { Tus, DiskStorage } = require('@uploadx/core')

const [directory, port, readable] = process.argv.slice(2)
const storage = new DiskStorage({
  directory, path: '/files', maxUploadSize: '8GB', allowMIME: ['*/*'], onComplete: () => {},
})
const tus = new Tus({ storage })
const server = http.createServer((request, response) => {
  const file = path.join(directory, path.basename(request.url))
  if (!request.url.startsWith('/files')) response.writeHead(404).end()
  else if (request.method === 'GET' && readable && fs.existsSync(file)) fs.createReadStream(file).pipe(response)
  else tus.handle(request, response)
})
server.listen(Number(port), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/files/`)
})
