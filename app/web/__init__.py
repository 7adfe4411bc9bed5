"""The pages: upload, results, errors. Server-rendered; JavaScript only adds comfort."""
