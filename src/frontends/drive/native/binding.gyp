{
  "targets": [
    {
      "target_name": "fusedev",
      "sources": ["fusedev.c"],
      "cflags": ["-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror=implicit-function-declaration"],
      "defines": ["NAPI_VERSION=8", "_GNU_SOURCE"]
    }
  ]
}
