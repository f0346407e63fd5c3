"""The compiled official R4 definitions (`r4.msgpack.zst`), made by tools/compile_r4.py."""
