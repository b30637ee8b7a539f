// Nothing but a place for the header that everything with LibTorch precompiles: see torch.cmake.
