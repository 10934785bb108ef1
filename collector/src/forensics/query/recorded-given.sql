WITH {recorded:Array(Tuple(String, String, UInt64))} AS recorded
