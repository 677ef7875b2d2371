{
  "targets": [
    {
      "target_name": "outrider",
      "type": "none",
      "actions": [
        {
          "action_name": "build_addon",
          "inputs": ["native/CMakeLists.txt"],
          "outputs": ["native/build/bin/outrider.node"],
          "action": ["node", "native/build.mjs"]
        }
      ]
    }
  ]
}
